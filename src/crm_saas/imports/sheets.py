"""Reads the sheets of a spreadsheet (XLSX) row by row.

A library of our own, since those that are there hold a sheet or its strings in memory: a million
rows took PyCalamine and openpyxl past the bound of the process (docs/decisions/imports.md). The
XML is read by expat in pieces; the shared strings lie in a file. Formulas are never run: their
cached value counts.

Whoever sends the file decides what is in it: it is read in a process with bounds (apart.py).
"""

import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from typing import BinaryIO

from crm_saas.imports.archives import inflated_bytes, open_archive
from crm_saas.imports.books import Book, whole_number
from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import (
    COLUMNS_MAX,
    RECORD_LENGTH_MAX,
    SHEET_ROWS_MAX,
    TEXT_ALWAYS_ALLOWED,
    TEXT_GROWTH_MAX,
    TEXT_LENGTH_MAX,
)
from crm_saas.imports.shared_strings import SharedStrings
from crm_saas.imports.tables import NoValue, Row, has_text, without_blank_end
from crm_saas.imports.xml_parts import Gathered, events, read_escapes

_SERIAL_MAX = 2_958_465  # 9999-12-31
_NUMBER_LENGTH_MAX = 100
# What the libraries raise for files that are damaged, or made to look so.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    LookupError,
    ArithmeticError,
    ValueError,
)


def read_sheet(file: BinaryIO) -> Generator[Row, None, None]:
    """The first sheet, and those after it that have the same header, as ours have where one is
    full; their rows go on counting. Raises UnreadableFile."""
    try:
        with open_archive(file) as archive:
            book = Book(archive)
            text_max = max(TEXT_ALWAYS_ALLOWED, inflated_bytes(archive) * TEXT_GROWTH_MAX)
            with closing(SharedStrings(archive, book.strings)) as strings:
                rows = _rows_of_all(archive, book, strings)
                yield from _bounded(rows, min(TEXT_LENGTH_MAX, text_max))
    except _DAMAGED as error:
        raise UnreadableFile(
            "The file is no readable spreadsheet. Open it in your office program and save it as "
            "XLSX without a password, or as CSV UTF-8."
        ) from error


def _rows_of_all(archive: zipfile.ZipFile, book: Book, strings: SharedStrings) -> Iterator[Row]:
    header: list[str] | None = None
    before = last = 0
    for part in book.sheets:
        rows = iter(_Sheet(archive, book, part, strings))
        first = next((row for row in rows if has_text(row)), None)
        if first is None:
            continue
        if header is None:
            header = without_blank_end(first.cells)
            yield first
        elif without_blank_end(first.cells) != header:
            continue
        last = before + first.number
        for row in rows:
            last = before + row.number
            yield Row(last, row.cells)
        before = last


def _bounded(rows: Iterator[Row], text_max: int) -> Iterator[Row]:
    length = 0
    for row in rows:
        length += sum(map(len, row.cells))
        if length > text_max:
            raise UnreadableFile(
                f"The cells down to row {row.number:,} have more than {text_max:,} characters. "
                "Cut the file into several, or save it as CSV UTF-8."
            )
        yield row


class _Sheet:
    def __init__(
        self, archive: zipfile.ZipFile, book: Book, part: str, strings: SharedStrings
    ) -> None:
        self._archive, self._book, self._part, self._strings = archive, book, part, strings
        self._number = self._length = 0

    def __iter__(self) -> Iterator[Row]:
        cells: list[str] = []
        cell: dict[str, str] = {}
        gathered = Gathered()
        has_formula = has_value = False
        for kind, name, attributes, text in events(self._archive, self._part):
            if kind == "start":
                if name == "c":
                    cell, gathered, has_formula, has_value = attributes, Gathered(), False, False
                elif name == "row":
                    cells = []
                    self._begin(attributes.get("r"))
                elif name == "f":
                    has_formula = True
                elif name in {"v", "t"}:
                    has_value = True
            elif name in {"v", "t"}:
                gathered.add(text)
            elif name == "c":
                value = (
                    NoValue("?")
                    if has_formula and not has_value
                    else self._value(cell, gathered.text)
                )
                self._put(cells, cell.get("r"), value)
            elif name == "row":
                yield Row(self._number, cells)

    def _begin(self, number: str | None) -> None:
        self._number = max(whole_number(number), self._number + 1)
        self._length = 0
        if self._number > SHEET_ROWS_MAX:
            raise UnreadableFile(f"A sheet has a row past {SHEET_ROWS_MAX:,}, which is the last.")

    def _put(self, cells: list[str], place: str | None, value: str) -> None:
        column = _column(place) if place else len(cells)
        if column > 16_384:
            raise UnreadableFile(f"Row {self._number:,} has a cell at no place of a sheet.")
        if column > COLUMNS_MAX * 2:
            return  # a row this wide is refused for what it has before
        self._length += len(value)
        if self._length > RECORD_LENGTH_MAX:
            raise UnreadableFile(
                f"Row {self._number:,} has more than {RECORD_LENGTH_MAX:,} characters."
            )
        while len(cells) < column:
            cells.append("")
        cells[column:] = [value]

    def _value(self, cell: dict[str, str], text: str) -> str:
        match cell.get("t", "n"):
            case "s":
                return read_escapes(self._strings[whole_number(text)]) if text else ""
            case "b":
                return "true" if text == "1" else "false"
            case "e":
                return NoValue(text)
            case "n" if text:
                return self._numeric(text, whole_number(cell.get("s")))
        return read_escapes(text)

    def _numeric(self, text: str, style: int) -> str:
        """As it is written where it is no number that anybody typed."""
        if len(text) > _NUMBER_LENGTH_MAX:
            return text
        try:
            number = Decimal(text)
            if not number.is_finite() or abs(number) >= Decimal("1e30"):
                return text
            if style in self._book.dates and 0 <= number <= _SERIAL_MAX:
                return self._date(number)
            # A double, written with up to 17 digits: 0.30000000000000004 was typed as 0.3.
            return format(Decimal(format(float(number), ".15g")), "f")
        except ArithmeticError:
            return text

    def _date(self, serial: Decimal) -> str:
        """Days since the epoch of spreadsheets, which has a 29 February 1900."""
        begin = datetime(1904, 1, 1) if self._book.from_1904 else datetime(1899, 12, 30)  # noqa: DTZ001
        moment = begin + timedelta(seconds=round(serial * 86_400))
        if serial == serial.to_integral_value():
            return moment.date().isoformat()
        return moment.isoformat(timespec="seconds")


def _column(place: str) -> int:
    """0 for A7; too large for what names none of a sheet."""
    column = 0
    for letter in place[:4]:  # XFD is the last
        if not "A" <= letter <= "Z":
            break
        column = column * 26 + ord(letter) - 64
    return column - 1 if column else 0
