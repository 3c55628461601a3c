"""Files of tenants (SPEC 13.1): in a folder, or in a store that speaks S3. One interface.

`CRM_FILES_URL` says where: `file:///srv/crm` or `s3://bucket/prefix`; unset, it is the folder
`files` beside the embedded database. API and worker need the same one. Names say nothing of what
is in a file: `{tenant_id}/{room}/{uuid}`, the room being the slice's. Nobody outside is told where
files lie: what the store says goes to the log alone.
"""

import asyncio
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from crm_saas.kit.errors import Problem, TooLarge, Unavailable
from crm_saas.kit.settings import Settings, SettingsError, data_folder

# The least that S3 takes as a part of a file; a file has at most 10,000 of them.
PART_BYTES = 5 * 1024 * 1024
PARTS_AT_ONCE = 2
READ_BYTES = 2 * 1024 * 1024
LISTED_AT_ONCE = 1000
ABANDONED_SECONDS = 24 * 3600
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAME = re.compile(rf"{_UUID}/[a-z_]{{1,40}}/{_UUID}")
_PREFIX = re.compile(rf"{_UUID}(?:/[a-z_]{{1,40}})?")


class Listed(NamedTuple):
    name: str
    written_at: datetime


class FileMissing(Problem):
    status, type, title = 410, "file-gone", "The file is no longer there"


class FilesUnavailable(Unavailable):
    type, title = "files-unavailable", "Files cannot be stored or read just now"

    def __init__(self) -> None:
        super().__init__("The store of files did not answer as it should. Try again.")


def file_name(tenant_id: UUID, room: str, file_id: UUID) -> str:
    return f"{tenant_id}/{room}/{file_id}"


class Files:
    """Memory stays flat: a file is written and read in parts.

    Raises FilesUnavailable where the store fails, and ValueError for names that are none.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def from_settings(cls, settings: Settings) -> "Files":
        """Raises SettingsError for a URL that cannot be used."""
        return _files_at(settings.files_url or (data_folder() / "files").resolve().as_uri())

    async def write(self, name: str, chunks: AsyncIterator[bytes], *, bytes_max: int) -> int:
        """Whole or not at all; returns how many bytes. Raises TooLarge, and what `chunks` does.

        A reader sees the file when this has returned, and nothing of it before.
        """
        source = _Counted(chunks, bytes_max)
        try:
            with _telling():
                await obstore.put_async(
                    self._store,
                    _checked(name),
                    source,
                    use_multipart=True,
                    chunk_size=PART_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                )
        except FilesUnavailable:
            if source.failure is not None:
                raise source.failure from None
            raise
        return source.count

    async def read(
        self, name: str, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `stop`. Raises FileMissing.

        Each part is a read of its own: however slow the reader is, no connection waits for it.
        """
        size = await self.size(name)
        end = size if stop is None else min(stop, size)
        for begin in range(start, end, READ_BYTES):
            with _telling():
                part = await obstore.get_range_async(
                    self._store, name, start=begin, end=min(begin + READ_BYTES, end)
                )
            yield bytes(part)

    async def size(self, name: str) -> int:
        """In bytes. Raises FileMissing."""
        with _telling():
            return (await obstore.head_async(self._store, _checked(name)))["size"]

    async def delete(self, name: str) -> None:
        """Also when it is gone already."""
        try:
            with _telling():
                await obstore.delete_async(self._store, _checked(name))
        except FileMissing:
            return

    async def delete_all(self, prefix: str) -> None:
        """Every file of a tenant (`{tenant_id}`), or of one room of it (`{tenant_id}/{room}`)."""
        if not _PREFIX.fullmatch(prefix):
            raise ValueError("A prefix reads {tenant_id} or {tenant_id}/{room}.")
        with _telling():
            async for found in obstore.list(self._store, prefix, chunk_size=LISTED_AT_ONCE):
                await obstore.delete_async(self._store, [each["path"] for each in found])

    async def list_all(self) -> AsyncIterator[list[Listed]]:
        """Every tenant's files, a thousand at a time."""
        with _telling():
            async for found in obstore.list(self._store, chunk_size=LISTED_AT_ONCE):
                yield [
                    Listed(each["path"], each["last_modified"])
                    for each in found
                    if _NAME.fullmatch(each["path"])
                ]

    async def forget_abandoned(self) -> None:
        """Removes what writers that died have left. In S3 a rule of the bucket's does it."""


class FolderFiles(Files):
    """As the library keeps them in a folder, but readable by us alone, and on the disk for sure."""

    def __init__(self, folder: Path) -> None:
        with _telling():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            super().__init__(LocalStore(folder))
        self._folder = folder

    async def write(self, name: str, chunks: AsyncIterator[bytes], *, bytes_max: int) -> int:
        count = await super().write(name, chunks, bytes_max=bytes_max)
        with _telling():
            await asyncio.to_thread(_settle, self._folder, name)
        return count

    async def delete(self, name: str) -> None:
        await super().delete(name)
        await asyncio.to_thread(self._remove_parts, name)

    async def delete_all(self, prefix: str) -> None:
        await super().delete_all(prefix)
        # The library does not list the parts of writers that died.
        await asyncio.to_thread(shutil.rmtree, self._folder / prefix, ignore_errors=True)

    async def forget_abandoned(self) -> None:
        await asyncio.to_thread(self._remove_parts, "*/*/*", older_than=ABANDONED_SECONDS)

    def _remove_parts(self, pattern: str, *, older_than: float = 0) -> None:
        before = time.time() - older_than
        for part in self._folder.glob(f"{pattern}#*"):
            if part.stat().st_mtime <= before:
                part.unlink(missing_ok=True)


class _Counted:
    """Bytes on their way: how many have passed, and what their source itself raised."""

    def __init__(self, chunks: AsyncIterator[bytes], bytes_max: int) -> None:
        self._chunks = chunks
        self._bytes_max = bytes_max
        self.count = 0
        self.failure: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await anext(self._chunks)
            self.count += len(chunk)
            if self.count > self._bytes_max:
                raise TooLarge(f"The file has more than {self._bytes_max:,} bytes.")
        except StopAsyncIteration:
            raise
        except Exception as error:
            self.failure = error
            raise
        return chunk


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise FileMissing from error
    except (BaseError, OSError) as error:
        raise FilesUnavailable from error


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("A file's name reads {tenant_id}/{room}/{uuid}.")
    return name


def _settle(folder: Path, name: str) -> None:
    path = folder / name
    own = (path, path.parent, path.parent.parent)
    for place, mode in zip(own, (0o600, 0o700, 0o700), strict=True):
        place.chmod(mode)
    for place in (*own, folder):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@lru_cache(maxsize=16)
def _files_at(url: str) -> Files:
    """One client a store: it keeps connections."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and len(parts.path) > 1:
        return FolderFiles(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc and not parts.query:
        # Who we are, and where, the library reads from AWS's own variables.
        insecure = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
        return Files(
            S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                client_options={
                    "connect_timeout": "5s",
                    "timeout": "60s",
                    "allow_http": insecure,
                },
                retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=60)},
            )
        )
    raise SettingsError(
        "CRM_FILES_URL must read file:///an/absolute/folder or s3://bucket/prefix "
        "(with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY beside it)."
    )
