"""Workbooks that are small and would be large."""

import io
import struct
import zipfile

from imports.workbooks import workbook

HEADER = '<row r="1"><c t="inlineStr"><is><t>Name</t></is></c></row>'


def sheet(rows: str) -> str:
    return f"<worksheet><sheetData>{HEADER}{rows}</sheetData></worksheet>"


def with_row(row: str) -> bytes:
    return workbook([], sheet=sheet(row))


def repacked(content: bytes, parts: dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """With these parts in place of its own."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(target, "w", method) as archive,
    ):
        for name in [*source.namelist(), *(parts.keys() - set(source.namelist()))]:
            archive.writestr(name, parts.get(name) or source.read(name))
    return target.getvalue()


def with_strings(strings: list[str], rows: str) -> bytes:
    told = "".join(f"<si><t>{text}</t></si>" for text in strings)
    sheet = f"<worksheet><sheetData>{rows}</sheetData></worksheet>"
    return repacked(workbook([], sheet=sheet), {"xl/sharedStrings.xml": f"<sst>{told}</sst>"})


def with_entries(count: int) -> bytes:
    """A ZIP whose directory lists so many parts, as ZIP64 does."""
    record = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 3, 20, *(0,) * 8, 3, *(0,) * 6)
    directory = (record + b"abc") * count
    begin, size = 30, len(directory)
    return b"".join((
        b"PK\x03\x04" + b"\0" * 26,
        directory,
        struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, begin),
        struct.pack("<4sLQL", b"PK\x06\x07", 0, begin + size, 1),
        struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *(0xFFFF,) * 2, *(0xFFFFFFFF,) * 2, 0),
    ))  # fmt: skip
