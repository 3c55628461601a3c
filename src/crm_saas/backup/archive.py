"""The archive of one tenant: a zip of one file a table, in PostgreSQL's own text format (COPY), and
a manifest that says what is in it, sealed with the master key.

The seal is what a digest is not: whoever can write the file can count and hash anew. An archive
brings keys and accounts with it, so only this installation's own are taken.
"""

import hashlib
import hmac
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NoReturn
from uuid import UUID

import msgspec

from crm_saas.kit.crypto import KeyRing, keyed_hash
from crm_saas.kit.errors import InvalidInput

FORMAT = 1
MANIFEST = "manifest.json"
SEAL = "manifest.seal"
MANIFEST_BYTES_MAX = 1024 * 1024
CHUNK_BYTES = 256 * 1024
ROW_BYTES_MAX = 64 * 1024 * 1024
_COMPRESSION_LEVEL = 3  # a third of the time of the default, for some percent more
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
)


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table's file: its columns with their types, in the file's order, and what it holds."""

    columns: dict[str, str]
    rows: int
    bytes: int
    sha256: str


class _Readable(msgspec.Struct, frozen=True, rename="camel"):
    """What every format of this archive will have."""

    format: int
    key_version: int


class Manifest(_Readable, frozen=True, forbid_unknown_fields=True, rename="camel"):
    schema_revision: str
    exported_at: datetime
    tenant_id: UUID
    slug: str
    tables: dict[str, Content]


class Tally:
    """Counts and digests what passes."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._rows = self.bytes = 0

    def add(self, chunk: bytes | bytearray) -> bytes | bytearray:
        self._digest.update(chunk)
        self._rows += chunk.count(b"\n")
        self.bytes += len(chunk)
        return chunk

    def content(self, columns: Mapping[str, str]) -> Content:
        return Content(dict(columns), self._rows, self.bytes, self._digest.hexdigest())


class Writer:
    """Writes an archive from front to back, so that it may go into a pipe."""

    def __init__(self, out: BinaryIO, ring: KeyRing) -> None:
        self._zip = zipfile.ZipFile(
            out, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION_LEVEL
        )
        self._ring = ring
        self._tables: dict[str, Content] = {}

    async def add(
        self, table: str, columns: Mapping[str, str], rows: AsyncIterator[bytes]
    ) -> Content:
        """Rows as COPY gives them, each ended by a new line and with no other in it."""
        tally, buffer = Tally(), bytearray()
        with self._zip.open(_file(table), "w", force_zip64=True) as entry:
            async for row in rows:
                buffer += row
                if len(buffer) >= CHUNK_BYTES:
                    entry.write(tally.add(buffer))
                    buffer.clear()
            entry.write(tally.add(buffer))
        self._tables[table] = tally.content(columns)
        return self._tables[table]

    def finish(self, *, schema_revision: str, tenant_id: UUID, slug: str) -> Manifest:
        manifest = Manifest(
            format=FORMAT,
            key_version=self._ring.current,
            schema_revision=schema_revision,
            exported_at=datetime.now(UTC),
            tenant_id=tenant_id,
            slug=slug,
            tables=self._tables,
        )
        encoded = msgspec.json.format(msgspec.json.encode(manifest))
        self._zip.writestr(MANIFEST, encoded)
        self._zip.writestr(SEAL, _seal(self._ring, manifest.key_version, encoded).hex())
        self._zip.close()
        return manifest


class Archive:
    """An archive that is what it says: opened, its seal compared, every file read once."""

    def __init__(self, zip_file: zipfile.ZipFile, manifest: Manifest) -> None:
        self._zip = zip_file
        self.manifest = manifest

    def chunks(self, table: str) -> Iterator[bytes]:
        with _readable(), self._zip.open(_file(table)) as entry:
            while chunk := entry.read(CHUNK_BYTES):
                yield chunk

    def rows(self, table: str) -> Iterator[list[bytes]]:
        """The rows as their fields, still in COPY's writing; only for files without odd letters."""
        rest = b""
        for chunk in self.chunks(table):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > ROW_BYTES_MAX:
                refuse("holds a row that is too long")
            yield from (line.split(b"\t") for line in lines)

    def verify(self) -> None:
        """Raises InvalidInput unless each file is the one that the manifest describes."""
        expected = {MANIFEST, SEAL, *map(_file, self.manifest.tables)}
        if sorted(self._zip.namelist()) != sorted(expected):
            refuse("does not hold the files that its manifest names")
        for table, content in self.manifest.tables.items():
            tally = Tally()
            for chunk in self.chunks(table):
                tally.add(chunk)
                if tally.bytes > content.bytes:
                    break
            if tally.content(content.columns) != content:
                refuse(f"was altered or cut: {table} is not what the manifest says")


@contextmanager
def open_archive(path: Path, ring: KeyRing) -> Iterator[Archive]:
    """Raises InvalidInput for what is no archive of this installation."""
    with _readable():
        zip_file = zipfile.ZipFile(path)
    with zip_file:
        with _readable():
            encoded, seal = _small(zip_file, MANIFEST), _small(zip_file, SEAL)
        yield Archive(zip_file, _manifest(encoded, seal, ring))


def _manifest(encoded: bytes, seal: bytes, ring: KeyRing) -> Manifest:
    try:
        head = msgspec.json.decode(encoded, type=_Readable)
        if head.format != FORMAT:
            refuse(
                f"has the format {head.format}, and this version reads {FORMAT}: "
                "use the version of crm-saas that exported it"
            )
        if head.key_version not in ring.masters:
            refuse(
                f"was sealed with the master key {head.key_version}, "
                "which CRM_MASTER_KEYS does not have: it is another installation's, "
                "or older than your oldest key"
            )
        expected = _seal(ring, head.key_version, encoded).hex().encode()
        if not hmac.compare_digest(expected, seal):
            refuse("was altered, or comes from an installation with other master keys")
        return msgspec.json.decode(encoded, type=Manifest)
    except msgspec.MsgspecError as error:
        raise _unusable("has a manifest that cannot be read") from error


def refuse(reason: str) -> NoReturn:
    raise _unusable(reason)


def _unusable(reason: str) -> InvalidInput:
    return InvalidInput.of("the archive", reason)


def _seal(ring: KeyRing, version: int, encoded: bytes) -> bytes:
    return keyed_hash(ring.subkey("tenant archive", version), encoded)


def _small(zip_file: zipfile.ZipFile, name: str) -> bytes:
    with zip_file.open(name) as entry:
        content = entry.read(MANIFEST_BYTES_MAX + 1)
    if len(content) > MANIFEST_BYTES_MAX:
        refuse("has a manifest that is too large")
    return content


def _file(table: str) -> str:
    return f"{table}.copy"


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unusable(f"cannot be read: {error.strerror or error}") from error
    except _UNREADABLE as error:
        raise _unusable("is none of `crm-saas tenants export`, or was cut") from error
