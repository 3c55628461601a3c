"""A spreadsheet as lines, each a row: made once, read from anywhere.

To go on at row 900,000 of a sheet means to read the 900,000 before it again, and that takes longer
than a transaction may idle. Whoever works on a file makes lines of it first, in a file of its own.
"""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Generator
from typing import BinaryIO, cast

from crm_saas.imports.apart import LINE_BYTES_MAX, TOO_MUCH, check_end, process_of, rows_of
from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import READING_CPU_SECONDS_MAX, READING_SECONDS_MAX
from crm_saas.imports.tables import Row

ASK_SECONDS = 2.0
# What says why, at the end of the lines.
_REASON_BYTES_MAX = 64 * 1024

Ask = Callable[[], Awaitable[None]]


async def flatten(file: BinaryIO, ask: Ask) -> BinaryIO:
    """The rows of its table (`as_table`). `ask` is called now and then, and may end it by raising.

    Raises UnreadableFile, ReaderStopped, and what `ask` does.
    """
    target = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - the caller closes it
    try:
        await _write(file, target, ask)
        await asyncio.to_thread(_check_last, target)
    except BaseException:
        target.close()
        raise
    target.seek(0)
    return target


async def _write(file: BinaryIO, target: BinaryIO, ask: Ask) -> None:
    command, how = process_of(file, READING_CPU_SECONDS_MAX, as_table=True)
    process = await asyncio.create_subprocess_exec(*command, stdout=target, **how)
    ended = asyncio.ensure_future(process.wait())
    try:
        async with asyncio.timeout(READING_SECONDS_MAX):
            while not (await asyncio.wait([ended], timeout=ASK_SECONDS))[0]:
                await ask()
    except TimeoutError as error:
        raise UnreadableFile(TOO_MUCH.format("time")) from error
    finally:
        if not ended.done():
            process.kill()
        await ended
    check_end(await ended)


def _check_last(lines: BinaryIO) -> None:
    """Before any row is taken for one of a file that can be read to its end."""
    size = lines.seek(0, os.SEEK_END)
    begin = max(0, size - _REASON_BYTES_MAX)
    lines.seek(begin)
    found = lines.read().rstrip(b"\n")
    if found.rpartition(b"\n")[2].startswith(b'"'):
        lines.seek(begin + found.rfind(b"\n") + 1)
        next(rows_of(lines))


def rows_after(lines: BinaryIO, number: int) -> Generator[Row, None, None]:
    """Of a file whose rows are in the order of their numbers; from where `lines` stands on."""
    low = lines.tell()
    high = lines.seek(0, os.SEEK_END)
    while low < high:  # a row after `number` begins there, or nearer to the end
        middle = (low + high) // 2
        lines.seek(middle)
        begin = middle + len(lines.readline(LINE_BYTES_MAX))
        line = lines.readline(LINE_BYTES_MAX)
        if line and _number_of(line) <= number:
            low = begin + len(line)
        else:
            high = middle
    lines.seek(low)
    yield from (row for row in rows_of(lines) if row.number > number)


def _number_of(line: bytes) -> int:
    return int(line[1 : line.index(b",")])
