"""A file comes in: looked at first, kept only where it can be read."""

import asyncio
import zipfile
from collections.abc import Sequence
from contextlib import closing
from typing import BinaryIO, NamedTuple
from uuid import UUID

import msgspec

from crm_saas.custom.models import CustomField
from crm_saas.custom.queries import list_fields
from crm_saas.imports.encodings import LOOK_BYTES, Delimiter, Dialect, Encoding, detect
from crm_saas.imports.errors import TooManyImports, UnreadableFile
from crm_saas.imports.limits import KEPT_BYTES_MAX, KEPT_FILES_MAX
from crm_saas.imports.mapping import Guess, guess
from crm_saas.imports.models import TABLE, Import
from crm_saas.imports.origins import is_own_export
from crm_saas.imports.queries import count_kept
from crm_saas.imports.reading import LOOK, Head, read_head, read_table
from crm_saas.imports.retention import DONE_DAYS, PARKED_DAYS, expiry
from crm_saas.imports.starters import note_starter
from crm_saas.imports.stored import upload_name
from crm_saas.kit.context import Context, renewed
from crm_saas.kit.events import record
from crm_saas.kit.files import Files
from crm_saas.kit.ids import new_id
from crm_saas.kit.locks import take_turn
from crm_saas.kit.texts import tidy_line
from crm_saas.kit.uploads import Upload, chunks_of

_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_FILENAME = "customers"


class Seen(NamedTuple):
    dialect: Dialect | None
    head: Head
    guessed: Guess


async def keep_upload(
    context: Context,
    upload: Upload,
    *,
    filename: str,
    encoding: Encoding | None,
    delimiter: Delimiter | None,
) -> "Kept":
    """Into the file store, with no transaction open. Raises UnreadableFile, and keeps nothing."""
    async with renewed(context) as asking:
        fields = await list_fields(asking)
    seen = await asyncio.to_thread(look_at, upload.file, encoding, delimiter, fields)
    async with renewed(context) as asking:
        if await is_own_export(asking, seen.head, seen.guessed.mapping):
            guessed = msgspec.structs.replace(seen.guessed, upsert_by="customerNumber")
            seen = seen._replace(guessed=guessed)
    import_id = new_id()
    name = upload_name(context.tenant.id, import_id)
    files = Files.from_settings(context.settings)
    await files.write(name, chunks_of(upload.file), bytes_max=upload.size_bytes)
    return Kept(import_id, name, _shown(filename), upload.size_bytes, seen)


class Kept(NamedTuple):
    id: UUID
    name: str
    filename: str
    size_bytes: int
    seen: Seen


def look_at(
    file: BinaryIO,
    encoding: Encoding | None,
    delimiter: Delimiter | None,
    fields: Sequence[CustomField] = (),
) -> Seen:
    """Raises UnreadableFile."""
    beginning = file.read(LOOK_BYTES)
    file.seek(0)
    if not beginning:
        raise UnreadableFile("The body is empty. Send the file itself as the body.")
    if beginning.startswith(_OLD_EXCEL):
        raise UnreadableFile(
            "This is a workbook of old (XLS), or one with a password. Save it as XLSX without one."
        )
    dialect = None
    if not (beginning.startswith(_ZIP) and zipfile.is_zipfile(file)):
        dialect = detect(beginning, encoding=encoding, delimiter=delimiter)
    file.seek(0)
    with closing(read_table(file, dialect, LOOK)) as rows:
        head = read_head(rows)
    return Seen(dialect, head, guess(head.headers, head.sample, fields))


def _shown(filename: str) -> str:
    try:
        return tidy_line(filename)[:200] or _FILENAME
    except ValueError:
        return _FILENAME


async def add_import(context: Context, kept: Kept) -> Import:
    """The import of a file that is in the store by now. Raises TooManyImports."""
    await _require_room(context, kept.size_bytes)
    dialect, head, guessed = kept.seen
    row = Import(
        tenant_org_id=context.tenant.id,
        id=kept.id,
        filename=kept.filename,
        format="xlsx" if dialect is None else "csv",
        encoding=dialect and dialect.encoding,
        delimiter=dialect and dialect.delimiter,
        size_bytes=kept.size_bytes,
        headers=head.headers,
        sample=head.sample,
        guessed=msgspec.to_builtins(guessed),
        starter=note_starter(context),
        status="uploaded",
        expires_at=expiry("uploaded"),
    )
    context.session.add(row)
    await context.session.flush()
    await context.session.refresh(row)
    await record(
        context,
        "import.uploaded",
        subject=(TABLE, row.id),
        after={"filename": row.filename, "sizeBytes": row.size_bytes},
    )
    return row


async def _require_room(context: Context, size_bytes: int) -> None:
    await take_turn(context, "imports")
    kept = await count_kept(context)
    if kept.files >= KEPT_FILES_MAX or kept.size_bytes + size_bytes > KEPT_BYTES_MAX:
        raise TooManyImports(
            f"{kept.files:,} files of former imports are kept, {kept.size_bytes:,} bytes; a tenant "
            f"may keep {KEPT_FILES_MAX:,} with {KEPT_BYTES_MAX:,} bytes. They go {PARKED_DAYS} "
            f"days after they came, or {DONE_DAYS} after they were run."
        )
