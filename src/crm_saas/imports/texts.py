"""Reads a CSV record by record: memory holds one, whatever the file's size."""

import csv
import io
from collections.abc import Generator, Iterator
from typing import BinaryIO

from crm_saas.imports.encodings import Dialect
from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import RECORD_LENGTH_MAX
from crm_saas.imports.tables import Row

# Of the whole process, and the library's own bound of one cell.
csv.field_size_limit(RECORD_LENGTH_MAX)


def read_text(file: BinaryIO, dialect: Dialect) -> Generator[Row, None, None]:
    """Records with their numbers, as a spreadsheet would show them: the header is usually 1.

    Bytes that are not of the encoding come out as half surrogates (UTF-8) or U+FFFD, which refuse
    their row. Raises UnreadableFile.
    """
    errors = "surrogateescape" if dialect.encoding == "utf-8" else "replace"
    text = io.TextIOWrapper(file, encoding=dialect.encoding, errors=errors, newline="")
    try:
        yield from _Records(text, dialect.delimiter)
    finally:
        text.detach()  # the file is the caller's


class _Records:
    def __init__(self, text: io.TextIOWrapper, delimiter: str) -> None:
        self._text = text
        self._delimiter = delimiter
        self._line = self._begin = self._length = 0

    def __iter__(self) -> Iterator[Row]:
        records = csv.reader(self._lines(), delimiter=self._delimiter, strict=True)
        number = 0
        while True:
            self._begin, self._length = self._line + 1, 0
            try:
                cells = next(records, None)
            except csv.Error as error:
                raise UnreadableFile(self._explain(str(error))) from error
            if cells is None:
                return
            number += 1
            if number == 1 and self._begin == 1 and _names_delimiter(cells, self._delimiter):
                number = 0
                continue
            yield Row(number, cells)

    def _lines(self) -> Iterator[str]:
        while line := self._text.readline(RECORD_LENGTH_MAX + 1):
            if self._line == 0:
                line = line.removeprefix("\ufeff")
            self._line += 1
            self._length += len(line)
            if self._length > RECORD_LENGTH_MAX:
                raise UnreadableFile(self._too_long())
            yield line

    def _too_long(self) -> str:
        many = "" if self._line == self._begin else " A quote that opens there may never close."
        return (
            f"The record that begins on line {self._begin:,} has more than "
            f"{RECORD_LENGTH_MAX:,} characters.{many}"
        )

    def _explain(self, error: str) -> str:
        if "unexpected end of data" in error:
            return (
                f"A quote in the record that begins on line {self._begin:,} never closes. "
                'Close it, or write "" for a quote within a cell.'
            )
        if "expected after" in error:
            return (
                f"Line {self._line:,} has a quote within a quoted cell. "
                'Write it twice (""), or take it out.'
            )
        return f"The record that begins on line {self._begin:,} cannot be read: {error}."


def _names_delimiter(cells: list[str], delimiter: str) -> bool:
    """Excel's first line `sep=;`, which is cut by what it names."""
    return cells == ["sep=", ""] or cells == [f"sep={delimiter}"]
