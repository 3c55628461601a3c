"""Reads the first visible sheet of a spreadsheet (XLSX) row by row.

A library of our own, since those that are there hold a sheet or its strings in memory: a million
rows took PyCalamine and openpyxl past the bound of the process (docs/decisions/imports.md). The
XML is read by expat in pieces; the shared strings lie in a file. Formulas are never run: their
cached value counts.
"""

import posixpath
import re
import zipfile
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import BinaryIO

from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import (
    CELL_LENGTH_MAX,
    COLUMNS_MAX,
    INFLATED_BYTES_MAX,
    INFLATION_CHECKED_FROM_BYTES,
    INFLATION_MAX,
    PARTS_MAX,
)
from crm_saas.imports.shared_strings import SharedStrings
from crm_saas.imports.tables import NoValue, Row
from crm_saas.imports.xml_parts import Element, elements, events, read_escapes

_DATE_FORMATS = frozenset({*range(14, 18), 22, *range(27, 37), *range(50, 59)})
_DATE_LETTERS = re.compile(r"[ymd]", re.IGNORECASE)
_NOT_A_FORMAT = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_SERIAL_MAX = 2_958_465  # 9999-12-31


def read_sheet(file: BinaryIO) -> Generator[Row, None, None]:
    """Raises UnreadableFile."""
    try:
        with zipfile.ZipFile(file) as archive:
            check_archive(archive)
            book = _Book(archive)
            with closing(SharedStrings(archive, book.strings)) as strings:
                yield from _Sheet(archive, book, strings)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, KeyError) as error:
        raise UnreadableFile(
            "The file is no readable spreadsheet. Open it in your office program and save it as "
            "XLSX without a password, or as CSV UTF-8."
        ) from error


def check_archive(archive: zipfile.ZipFile) -> None:
    """Against files that are small and hold much; no part is read past its declared size."""
    parts = archive.infolist()
    inflated = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts)
    if len(parts) > PARTS_MAX or inflated > INFLATED_BYTES_MAX:
        raise UnreadableFile(
            f"The spreadsheet would unpack to {inflated:,} bytes in {len(parts):,} parts; "
            f"{INFLATED_BYTES_MAX:,} in {PARTS_MAX:,} can be read. Save it as CSV UTF-8."
        )
    if inflated > max(INFLATION_CHECKED_FROM_BYTES, packed * INFLATION_MAX):
        raise UnreadableFile(
            f"The spreadsheet would unpack to {inflated // max(packed, 1):,} times its size; real "
            "ones do not. Save it as CSV UTF-8."
        )


class _Book:
    """Where the sheet is, where the strings are, which cell styles are dates."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        names = set(archive.namelist())
        if "xl/workbook.xml" not in names:
            raise UnreadableFile("The file is no Excel workbook (XLSX). Save it as one, or as CSV.")
        targets = {
            e.attributes["Id"]: posixpath.normpath(
                posixpath.join("/xl", e.attributes["Target"])
            ).lstrip("/")
            for e in elements(archive, "xl/_rels/workbook.xml.rels", {"Relationship"})
            if {"Id", "Target"} <= e.attributes.keys()
        }
        book = list(elements(archive, "xl/workbook.xml", {"sheet", "workbookPr"}))
        self.from_1904 = any(
            e.attributes.get("date1904") in {"1", "true"} for e in book if e.name == "workbookPr"
        )
        shown = [e for e in book if e.name == "sheet" and e.attributes.get("state") in _SHOWN]
        wanted = [targets.get(_relation(e), "") for e in shown]
        self.sheet = next((path for path in wanted if path in names), "")
        if not self.sheet:
            raise UnreadableFile("The workbook has no sheet that can be read.")
        self.strings = "xl/sharedStrings.xml" if "xl/sharedStrings.xml" in names else None
        self.dates = _dates(archive) if "xl/styles.xml" in names else frozenset()


_SHOWN = (None, "visible")


def _relation(sheet: Element) -> str:
    return next((v for name, v in sheet.attributes.items() if name.rpartition(":")[2] == "id"), "")


def _dates(archive: zipfile.ZipFile) -> frozenset[int]:
    """The numbers of the styles that show a date."""
    formats = set(_DATE_FORMATS)
    styles: list[int] = []
    within = ""
    for element in elements(archive, "xl/styles.xml", {"numFmt", "cellXfs", "cellStyleXfs", "xf"}):
        if element.name == "numFmt":
            code = _NOT_A_FORMAT.sub("", element.attributes.get("formatCode", ""))
            if _DATE_LETTERS.search(code):
                formats.add(_number(element.attributes.get("numFmtId")))
        elif element.name == "xf":
            if within == "cellXfs":
                styles.append(_number(element.attributes.get("numFmtId")))
        else:
            within = element.name
    return frozenset(place for place, number in enumerate(styles) if number in formats)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else -1


class _Sheet:
    def __init__(self, archive: zipfile.ZipFile, book: _Book, strings: SharedStrings) -> None:
        self._archive, self._book, self._strings = archive, book, strings
        self._number = 0

    def __iter__(self) -> Iterator[Row]:
        cells: list[str] = []
        cell: dict[str, str] = {}
        pieces: list[str] = []
        has_formula = has_value = False
        for kind, name, attributes, text in events(self._archive, self._book.sheet):
            if kind == "start":
                if name == "c":
                    cell, pieces, has_formula, has_value = attributes, [], False, False
                elif name == "row":
                    cells = []
                    self._number = max(_number(attributes.get("r")), self._number + 1)
                elif name == "f":
                    has_formula = True
                elif name in {"v", "t"}:
                    has_value = True
            elif name in {"v", "t"}:
                pieces.append(text)
            elif name == "c":
                value = (
                    NoValue("?")
                    if has_formula and not has_value
                    else self._value(cell, "".join(pieces))
                )
                self._put(cells, cell.get("r"), value)
            elif name == "row":
                yield Row(self._number, cells)

    def _put(self, cells: list[str], place: str | None, value: str) -> None:
        column = _column(place) if place else len(cells)
        if column > 16_384:
            raise UnreadableFile(f"Row {self._number:,} has a cell at no place of a sheet.")
        if column > COLUMNS_MAX * 2:
            return  # a row this wide is refused for what it has before
        while len(cells) < column:
            cells.append("")
        cells[column:] = [value]

    def _value(self, cell: dict[str, str], text: str) -> str:
        if len(text) > CELL_LENGTH_MAX + 1:
            text = text[: CELL_LENGTH_MAX + 1]  # long enough to be refused
        match cell.get("t", "n"):
            case "s":
                return read_escapes(self._strings[_number(text)]) if text else ""
            case "b":
                return "true" if text == "1" else "false"
            case "e":
                return NoValue(text)
            case "n" if text:
                return self._numeric(text, _number(cell.get("s")))
        return read_escapes(text)

    def _numeric(self, text: str, style: int) -> str:
        try:
            number = Decimal(text)
        except InvalidOperation:
            return text
        if not number.is_finite() or abs(number) >= Decimal("1e30"):
            return text
        if style in self._book.dates and 0 <= number <= _SERIAL_MAX:
            return self._date(number)
        # A double, written with up to 17 digits: 0.30000000000000004 was typed as 0.3.
        short = Decimal(format(float(number), ".15g"))
        return format(short.quantize(1) if short == short.to_integral_value() else short, "f")

    def _date(self, serial: Decimal) -> str:
        """Days since the epoch of spreadsheets, which has a 29 February 1900."""
        begin = datetime(1904, 1, 1) if self._book.from_1904 else datetime(1899, 12, 30)  # noqa: DTZ001
        moment = begin + timedelta(seconds=round(serial * 86_400))
        if serial == serial.to_integral_value():
            return moment.date().isoformat()
        return moment.isoformat(timespec="seconds")


def _column(place: str) -> int:
    """0 for A7."""
    column = 0
    for letter in place:
        if not "A" <= letter <= "Z":
            break
        column = column * 26 + ord(letter) - 64
    return column - 1 if column else 0
