"""The rows of an import's file, fetched from the store, in checked chunks."""

import asyncio
import tempfile
from collections import Counter
from typing import BinaryIO, NamedTuple, Self, cast

from crm_saas.imports.apart import rows_of
from crm_saas.imports.checking import Checker
from crm_saas.imports.encodings import Delimiter, Dialect, Encoding
from crm_saas.imports.flat import Ask, flatten, rows_after
from crm_saas.imports.models import Import
from crm_saas.imports.reading import read_table, unique_headers
from crm_saas.imports.staging import encode_rows
from crm_saas.imports.stored import upload_name
from crm_saas.imports.tables import Row
from crm_saas.kit.files import Files
from crm_saas.kit.settings import Settings

CHUNK_ROWS = 1_000
# What a chunk takes in memory is some times that, in each of its forms.
CHUNK_LENGTH_MAX = 4 * 1024 * 1024


class Chunk(NamedTuple):
    """`last` is the number of its last row, none at the end of the file."""

    encoded: str
    last: int | None
    counts: Counter[str]


class RowsOfFile:
    """On this machine's disk, from the first row that is wanted on."""

    def __init__(self, file: BinaryIO, dialect: Dialect | None, after: int = 0) -> None:
        """No dialect is lines that `flatten` has made."""
        self._file = file
        self._rows = rows_of(file) if dialect is None else read_table(file, dialect)
        header = next(self._rows)
        self.headers = unique_headers(header.cells)
        if dialect is None:
            self._rows = rows_after(file, max(after, header.number))
        self._ahead: Row | None = None
        self._given: tuple[int, Chunk] | None = None
        self._skip(after)

    @classmethod
    async def fetch(cls, settings: Settings, row: Import, *, after: int = 0, ask: Ask) -> Self:
        """With no transaction open: a store may take its time, and so may a spreadsheet.

        Raises FileMissing, UnreadableFile, and what `ask` does.
        """
        file = await _copy(settings, row)
        try:
            dialect = None
            if row.format == "csv":
                dialect = Dialect(cast(Encoding, row.encoding), cast(Delimiter, row.delimiter))
            else:
                whole, file = file, await flatten(file, ask)
                whole.close()
            return await asyncio.to_thread(cls, file, dialect, after)
        except BaseException:
            file.close()
            raise

    def checked_after(self, number: int, checker: Checker) -> Chunk:
        """The rows after this one, which is the last that was committed: the same ones again,
        where the commit of those given last failed."""
        if self._given is None or self._given[0] != number:
            checked = [checker.check(row) for row in self.after(number)]
            counts = Counter(read=len(checked), refused=sum(bool(row.problems) for row in checked))
            last = checked[-1].number if checked else None
            self._given = number, Chunk(encode_rows(checked), last, +counts)
        return self._given[1]

    def after(self, number: int) -> list[Row]:
        """The next rows behind this number, as many as make a chunk; none at the end."""
        self._skip(number)
        chunk: list[Row] = []
        length = 0
        while self._ahead is not None:
            length += sum(map(len, self._ahead.cells))
            if len(chunk) == CHUNK_ROWS or (chunk and length > CHUNK_LENGTH_MAX):
                break
            chunk.append(self._ahead)
            self._ahead = next(self._rows, None)
        return chunk

    def _skip(self, number: int) -> None:
        while self._ahead is None or self._ahead.number <= number:
            self._ahead = next(self._rows, None)
            if self._ahead is None:
                return

    def close(self) -> None:
        self._rows.close()
        self._file.close()


async def _copy(settings: Settings, row: Import) -> BinaryIO:
    file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - closed by `close`
    try:
        name = upload_name(row.tenant_org_id, row.id)
        async for part in Files.from_settings(settings).read(name):
            file.write(part)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file
