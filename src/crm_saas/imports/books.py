"""A workbook's own parts: where its sheets are, where its strings are, which styles are dates."""

import posixpath
import re
import zipfile

from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import FORMATS_MAX, RELATIONS_MAX, SHEETS_MAX
from crm_saas.imports.xml_parts import Element, elements

_DATE_FORMATS = frozenset({*range(14, 18), 22, *range(27, 37), *range(50, 59)})
_DATE_LETTERS = re.compile(r"[ymd]", re.IGNORECASE)
_NOT_A_FORMAT = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_FORMAT_LENGTH_MAX = 255
_NAME_LENGTH_MAX = 1_000
_DIGITS_MAX = 12
_SHOWN = (None, "visible")


class Book:
    """`sheets` are the parts of those that are shown, in their order, each once."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        names = set(archive.namelist())
        if "xl/workbook.xml" not in names:
            raise UnreadableFile("The file is no Excel workbook (XLSX). Save it as one, or as CSV.")
        targets = _targets(archive)
        self.from_1904 = False
        self.sheets: list[str] = []
        for element in elements(
            archive, "xl/workbook.xml", {"sheet", "workbookPr"}, most=SHEETS_MAX
        ):
            if element.name == "workbookPr":
                self.from_1904 |= element.attributes.get("date1904") in {"1", "true"}
            elif element.attributes.get("state") in _SHOWN:
                part = targets.get(_relation(element), "")
                if part in names and part not in self.sheets:
                    self.sheets.append(part)
        if not self.sheets:
            raise UnreadableFile("The workbook has no sheet that can be read.")
        self.strings = "xl/sharedStrings.xml" if "xl/sharedStrings.xml" in names else None
        self.dates = _dates(archive) if "xl/styles.xml" in names else frozenset()


def _targets(archive: zipfile.ZipFile) -> dict[str, str]:
    part = "xl/_rels/workbook.xml.rels"
    return {
        e.attributes["Id"][:_NAME_LENGTH_MAX]: posixpath.normpath(
            posixpath.join("/xl", e.attributes["Target"][:_NAME_LENGTH_MAX])
        ).lstrip("/")
        for e in elements(archive, part, {"Relationship"}, most=RELATIONS_MAX)
        if {"Id", "Target"} <= e.attributes.keys()
    }


def _relation(sheet: Element) -> str:
    return next((v for name, v in sheet.attributes.items() if name.rpartition(":")[2] == "id"), "")


def _dates(archive: zipfile.ZipFile) -> frozenset[int]:
    """The numbers of the styles that show a date."""
    formats = set(_DATE_FORMATS)
    styles: list[int] = []
    within = ""
    names = {"numFmt", "cellXfs", "cellStyleXfs", "xf"}
    for element in elements(archive, "xl/styles.xml", names, most=FORMATS_MAX * 3):
        if element.name == "numFmt":
            code = element.attributes.get("formatCode", "")[:_FORMAT_LENGTH_MAX]
            if _DATE_LETTERS.search(_NOT_A_FORMAT.sub("", code)):
                formats.add(whole_number(element.attributes.get("numFmtId")))
        elif element.name == "xf":
            if within == "cellXfs":
                styles.append(whole_number(element.attributes.get("numFmtId")))
        else:
            within = element.name
    return frozenset(place for place, number in enumerate(styles) if number in formats)


def whole_number(text: str | None) -> int:
    """-1 for what is none. Of more digits than any has, the first: too large all the same."""
    return int(text[:_DIGITS_MAX]) if text and text.isascii() and text.isdigit() else -1
