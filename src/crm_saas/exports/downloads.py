"""Answers with a file, whole or from where a download broke off (RFC 9110, 14)."""

import re
from typing import NamedTuple

from litestar.response import Stream

from crm_saas.exports.errors import RangeNotSatisfiable
from crm_saas.exports.making import MEDIA_TYPES
from crm_saas.exports.models import Export
from crm_saas.exports.service import name_of
from crm_saas.kit.context import Context
from crm_saas.kit.files import Files
from crm_saas.kit.streams import begun

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def read_range(header: str | None, size: int) -> tuple[int, int] | None:
    """From where up to before where; None for the whole file, as for what is no single range.

    Raises RangeNotSatisfiable.
    """
    found = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1 if last else size, size)
    if last and first and int(last) < int(first):
        return None
    if start >= size:
        raise RangeNotSatisfiable(
            f"The file has {size:,} bytes.", headers={"Content-Range": f"bytes */{size}"}
        )
    return start, stop


class Part(NamedTuple):
    """What of a file is asked for."""

    name: str
    start: int
    stop: int
    status_code: int
    headers: dict[str, str]


def part_of(
    context: Context, export: Export, *, byte_range: str | None, if_range: str | None
) -> Part:
    """By what the row says of the file: the store need not be asked for it.

    Raises RangeNotSatisfiable.
    """
    size = export.file_bytes or 0
    etag = f'"{export.id}-{size}"'
    part = read_range(byte_range if if_range in {None, etag} else None, size)
    start, stop = part or (0, size)
    headers = {
        "Content-Type": MEDIA_TYPES[export.format],  # type: ignore[index]
        "Content-Disposition": f'attachment; filename="customers-{export.created_at:%Y-%m-%d}.'
        f'{export.format}"',
        "Content-Length": str(stop - start),
        "Accept-Ranges": "bytes",
        "ETag": etag,
    }
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    name = name_of(context.tenant.id, export.id, export.attempts)
    return Part(name, start, stop, 206 if part else 200, headers)


async def answer_with(part: Part, files: Files) -> Stream:
    """Once no transaction is open: the store answers when it likes, and its first bytes are here
    before the answer begins. Raises FileMissing and FilesUnavailable."""
    contents = await begun(files.read(part.name, part.start, part.stop))
    return Stream(contents, status_code=part.status_code, headers=part.headers)
