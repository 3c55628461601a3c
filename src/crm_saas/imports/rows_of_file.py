"""The rows of an import's file, fetched from the store, in checked chunks."""

import asyncio
import tempfile
from collections import Counter
from typing import BinaryIO, NamedTuple, Self, cast

from crm_saas.imports.checking import Checker
from crm_saas.imports.encodings import Delimiter, Dialect, Encoding
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
    """On this machine's disk: spreadsheets are read by seeking, and texts from their start."""

    def __init__(self, file: BinaryIO, dialect: Dialect | None) -> None:
        self._file = file
        self._rows = read_table(file, dialect)
        self.headers = unique_headers(next(self._rows).cells)
        self._ahead: Row | None = None
        self._given: tuple[int, Chunk] | None = None

    @classmethod
    async def fetch(cls, settings: Settings, row: Import) -> Self:
        """With no transaction open: a store may take its time. Raises FileMissing."""
        name = upload_name(row.tenant_org_id, row.id)
        file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - closed by `close`
        try:
            async for part in Files.from_settings(settings).read(name):
                file.write(part)
            file.seek(0)
            dialect = None
            if row.format == "csv":
                dialect = Dialect(cast(Encoding, row.encoding), cast(Delimiter, row.delimiter))
            return await asyncio.to_thread(cls, file, dialect)
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
        while self._ahead is None or self._ahead.number <= number:
            self._ahead = next(self._rows, None)
            if self._ahead is None:
                return []
        chunk: list[Row] = []
        length = 0
        while self._ahead is not None:
            length += sum(map(len, self._ahead.cells))
            if len(chunk) == CHUNK_ROWS or (chunk and length > CHUNK_LENGTH_MAX):
                break
            chunk.append(self._ahead)
            self._ahead = next(self._rows, None)
        return chunk

    def close(self) -> None:
        self._rows.close()
        self._file.close()
