"""Spreadsheets are read by a process of their own: `python -m crm_saas.imports.apart 30 400000000`.

Whatever a file makes of itself, it has so much memory and time of the processor and no more, and
what it slows down is neither a till's answer nor a job. It is given an open file and no setting of
ours, and says each row as a line of JSON; a line that is a text says why the file cannot be read.
"""

import errno
import io
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from typing import IO, Any, BinaryIO, cast

import msgspec

from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import (
    BLANK_ROWS_MAX,
    READER_DISK_BYTES_MAX,
    READER_MEMORY_BYTES_MAX,
    RECORD_LENGTH_MAX,
)
from crm_saas.imports.sheets import read_sheet
from crm_saas.imports.tables import NoValue, Row, as_table
from crm_saas.kit.errors import Unavailable

_NICENESS = 10
# A character is six bytes of JSON at the most.
LINE_BYTES_MAX = RECORD_LENGTH_MAX * 6 + 64 * 1024
_NO_ROOM = 3
# Row number, cells, and the places of those that have no value.
_Line = tuple[int, list[str], list[int]]
_decoder = msgspec.json.Decoder(str | _Line)
TOO_MUCH = (
    "The spreadsheet takes more {} than it may have. Cut it into several, or save it as CSV UTF-8."
)


class ReaderStopped(Unavailable):
    """Somebody ended the process, or a fault of ours, which it has printed."""

    def __init__(self) -> None:
        super().__init__("The spreadsheet was not read to its end. Send it again.")


def read_apart(file: BinaryIO, cpu_seconds: int) -> Generator[Row, None, None]:
    """As `read_sheet`, as far as anybody reads. Raises UnreadableFile and ReaderStopped."""
    command, how = process_of(file, cpu_seconds)
    with subprocess.Popen(command, stdout=subprocess.PIPE, **how) as process:  # noqa: S603 - ourselves
        try:
            yield from rows_of(cast(IO[bytes], process.stdout))
            check_end(process.wait())
        finally:
            process.kill()


def process_of(
    file: BinaryIO, cpu_seconds: int, *, as_table: bool = False
) -> tuple[list[str], dict[str, Any]]:
    """Its command, and how it is to be started; `as_table` leaves out what is no row of it."""
    file.flush()
    bounds = [str(cpu_seconds), str(READER_MEMORY_BYTES_MAX)]
    command = [sys.executable, "-m", "crm_saas.imports.apart", *bounds, *(["table"] * as_table)]
    return command, {
        "stdin": file,
        "env": {"TMPDIR": tempfile.gettempdir(), "PYTHONSAFEPATH": "1"},
        "start_new_session": True,  # what is typed at a terminal is not for it
    }


def rows_of(lines: IO[bytes]) -> Generator[Row, None, None]:
    """Raises UnreadableFile where one says so."""
    while (line := lines.readline(LINE_BYTES_MAX)).endswith(b"\n"):
        said = _decoder.decode(line)
        if isinstance(said, str):
            raise UnreadableFile(said)
        number, cells, places = said
        for place in places:
            cells[place] = NoValue(cells[place])
        yield Row(number, cells)


def check_end(code: int) -> None:
    """Raises UnreadableFile and ReaderStopped."""
    if code in {-signal.SIGTERM, -signal.SIGINT, 1}:
        raise ReaderStopped
    if code == -signal.SIGXCPU:
        raise UnreadableFile(TOO_MUCH.format("time"))
    if code == _NO_ROOM:
        raise UnreadableFile(TOO_MUCH.format("room"))
    if code:
        raise UnreadableFile(TOO_MUCH.format("memory"))


class _Whole(io.RawIOBase):
    """The file that was handed over, by a position of our own: the other one is shared."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._position = descriptor, 0

    def readinto(self, target: Any) -> int:
        count = os.preadv(self._descriptor, [target], self._position)
        self._position += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {
            os.SEEK_SET: 0,
            os.SEEK_CUR: self._position,
            os.SEEK_END: os.fstat(self._descriptor).st_size,
        }
        if base[whence] + offset < 0:
            raise ValueError("before the beginning")
        self._position = base[whence] + offset
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _bound(cpu_seconds: int, memory_bytes: int) -> None:
    os.nice(_NICENESS)
    for kind, most in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, READER_DISK_BYTES_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard < 0 else min(most, hard), hard))


def _say(out: IO[bytes], *, as_rows_of_table: bool) -> None:
    file = cast(BinaryIO, io.BufferedReader(_Whole(sys.stdin.fileno())))
    rows: Iterator[Row] = read_sheet(file)
    for number, cells in as_table(rows, BLANK_ROWS_MAX) if as_rows_of_table else rows:
        places = [place for place, cell in enumerate(cells) if isinstance(cell, NoValue)]
        for place in places:
            cells[place] = str(cells[place])
        out.write(msgspec.json.encode((number, cells, places)) + b"\n")
    out.flush()


def main(cpu_seconds: str, memory_bytes: str, *table: str) -> None:
    _bound(int(cpu_seconds), int(memory_bytes))
    out = sys.stdout.buffer
    try:
        _say(out, as_rows_of_table=bool(table))
    except UnreadableFile as refusal:
        why = refusal.detail
    except MemoryError:
        why = TOO_MUCH.format("memory")
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        os._exit(_NO_ROOM)  # nor can it be said
    else:
        return
    out.write(msgspec.json.encode(why) + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
