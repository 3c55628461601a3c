"""The folder of an embedded PostgreSQL: its lock, its secrets, and where its data lies."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import secrets
import shutil
import time
from pathlib import Path

from crm_saas.kit.postgres.binaries import EmbeddedPostgresError, account_for, reaches

log = logging.getLogger("crm_saas.embedded")

FALLBACK = Path("/var/lib/crm-saas")
LOCK_SECONDS_MAX = 0.5
POLL_SECONDS = 0.02


class DataFolderInUse(EmbeddedPostgresError):
    """Another process, or another part of this one, runs the server of this folder."""


class DataFolder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def data(self) -> Path:
        return (self.path / "data").resolve()

    @property
    def cluster(self) -> str:
        """In the title of every process of this server, by which they are found again."""
        return f"crm-saas-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]}"

    def data_major(self) -> int | None:
        """The version of PostgreSQL that wrote the data."""
        try:
            return int((self.data / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None

    def take(self) -> None:
        """Ours until `release`, or until this process is gone: the system gives up the lock."""
        if not self.path.exists():
            try:
                self.path.mkdir(parents=True)
            except OSError as error:
                raise EmbeddedPostgresError(
                    f"the folder {self.path} cannot be made ({error.strerror}): "
                    "let CRM_DATA name a folder that can"
                ) from error
            # As root, the server's user must be able to pass through to the data.
            self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        if not self.path.is_dir():
            raise EmbeddedPostgresError(f"{self.path} is no folder: let CRM_DATA name one")
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(self.path / "lock", flags, 0o600)
        try:
            self._wait_for(lock)
        except BaseException:
            os.close(lock)
            raise
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock
        (self.path / "url").unlink(missing_ok=True)

    def _wait_for(self, lock: int) -> None:
        deadline = time.monotonic() + LOCK_SECONDS_MAX
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise DataFolderInUse(
                        f"process {os.read(lock, 32).decode()} already runs the PostgreSQL of "
                        f"{self.path}: stop that process, or choose another folder"
                    ) from None
                time.sleep(POLL_SECONDS)  # running_url() holds it for a moment

    def release(self) -> None:
        if self._lock is not None:
            (self.path / "url").unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def running_url(self) -> str | None:
        try:
            url = (self.path / "url").read_text()
            lock = os.open(self.path / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return url
        finally:
            os.close(lock)
        return None

    def place_data(self) -> None:
        """As root, elsewhere, if the server's user cannot come in; `data` remembers where."""
        link = self.path / "data"
        account = account_for(self.data)
        if link.is_symlink() or link.exists():
            if not reaches(account, self.data.parent):
                raise EmbeddedPostgresError(
                    f"the user that PostgreSQL runs as cannot enter {self.data.parent}: allow it "
                    f"to (chmod o+x on the closed folder above), or move {self.path}"
                )
        elif not reaches(account, self.path):
            if not FALLBACK.exists():
                FALLBACK.mkdir(parents=True)
                FALLBACK.chmod(0o755)
            # A random part: the folder may be deleted and made anew, with other passwords.
            place = FALLBACK / f"{self.path.name}-{secrets.token_hex(8)}"
            place.mkdir()
            place.chmod(0o711)
            link.symlink_to(place / "data")
            log.warning(
                "the user that PostgreSQL runs as cannot enter %s: its data is in %s",
                self.path,
                place,
            )

    def secret(self, name: str) -> str:
        """Made once; the database knows it from then on."""
        path = self.path / name
        if not path.exists():
            self.write(name, secrets.token_urlsafe(24))
        return path.read_text()

    def write(self, name: str, text: str) -> None:
        """For our eyes only, and whole or not at all."""
        partial = self.path / f"{name}.partial"
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600, exist_ok=False)
        partial.write_text(text)
        partial.replace(self.path / name)

    def remove(self) -> None:
        elsewhere = self.data.parent
        if (self.path / "data").is_symlink() and elsewhere.parent == FALLBACK.resolve():
            shutil.rmtree(elsewhere)
        shutil.rmtree(self.path)
