"""Makes a workbook of rows, as a process of its own: `python -m crm_saas.exports.sheets`.

Reads a line of JSON, a `heads.Sheet`, and then CSV; its output has to be a file. Text is written as
text: nothing here is ever a formula, a link or a number because it looks like one.
"""

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import IO, Any

import msgspec
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from crm_saas.exports.heads import Sheet

# Of the file format; the first of each sheet holds the names.
SHEET_ROWS_MAX = 1_048_576
# Days before are counted differently by different programs: one of them believes in a 29 February.
FIRST_DAY = date(1900, 3, 1)
# A cell's number has so many digits and no more.
DIGITS_MAX = 15
WIDTHS = {"text": 24, "time": 21, "date": 12, "truth": 10, "number": 16, "code": 18}
FORMATS = {"date": "yyyy-mm-dd", "time": 'yyyy-mm-dd"T"hh:mm:ss"Z"'}


class Book:
    """A sheet, and another one whenever it is full."""

    def __init__(self, out: IO[bytes], head: Sheet, rows_max: int = SHEET_ROWS_MAX) -> None:
        self._head = head
        self._rows_max = rows_max
        # Each row leaves memory when the next one begins.
        self._book = xlsxwriter.Workbook(out, {"constant_memory": True})
        self._bold = self._book.add_format({"bold": True})
        self._formats: dict[str, Format] = {
            kind: self._book.add_format({"num_format": shown}) for kind, shown in FORMATS.items()
        }
        self._count = 0
        self._sheet, self._row = self._new_sheet(), 1

    def write(self, cells: Sequence[str]) -> None:
        if self._row == self._rows_max:
            self._sheet, self._row = self._new_sheet(), 1
        for place, (kind, cell) in enumerate(zip(self._head.kinds, cells, strict=True)):
            if cell:
                self._write_cell(place, kind, cell)
        self._row += 1

    def close(self) -> None:
        self._book.close()

    def _new_sheet(self) -> Worksheet:
        self._count += 1
        number = f" {self._count}" if self._count > 1 else ""
        sheet = self._book.add_worksheet(f"{self._head.title}{number}")
        if self._head.right_to_left:
            sheet.right_to_left()
        sheet.freeze_panes(1, 0)
        for place, (name, kind) in enumerate(zip(self._head.names, self._head.kinds, strict=True)):
            sheet.set_column(place, place, WIDTHS[kind])
            sheet.write_string(0, place, name, self._bold)
        return sheet

    def _write_cell(self, place: int, kind: str, cell: str) -> None:
        value = _typed(kind, cell)
        match value:
            case bool():
                self._sheet.write_boolean(self._row, place, value)
            case date():
                self._sheet.write_datetime(self._row, place, value, self._formats[kind])
            case float():
                self._sheet.write_number(self._row, place, value)
            case _:
                self._sheet.write_string(self._row, place, cell)


def _typed(kind: str, cell: str) -> Any:
    """Itself where a cell of that kind would not hold it exactly."""
    with suppress(ValueError):
        if kind == "truth":
            return cell == "true"
        if kind == "date":
            day = date.fromisoformat(cell)
            return day if day >= FIRST_DAY else cell
        if kind == "time":
            moment = datetime.fromisoformat(cell).replace(tzinfo=None)
            return moment if moment.date() >= FIRST_DAY else cell
        if kind == "number" and sum(letter.isdigit() for letter in cell) <= DIGITS_MAX:
            return float(cell)
    return cell


def rows_of(source: IO[bytes]) -> tuple[bytes, Iterator[list[str]]]:
    """The line of JSON, and the rows."""
    head = source.readline()
    return head, csv.reader(io.TextIOWrapper(source, encoding="utf-8", newline=""), strict=True)


def main() -> None:
    line, rows = rows_of(sys.stdin.buffer)
    book = Book(sys.stdout.buffer, msgspec.json.decode(line, type=Sheet))
    for row in rows:
        book.write(row)
    book.close()


if __name__ == "__main__":
    main()
