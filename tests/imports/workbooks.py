"""Workbooks as small as can be, with any sheet in them."""

import io
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

SHEET = "xl/worksheets/sheet1.xml"
_BOOK = """<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">
<sheets><sheet name="Notes" sheetId="2" state="hidden" r:id="rId9"/>
<sheet name="Customers" sheetId="1" r:id="rId1"/></sheets></workbook>"""
_RELATIONS = """<Relationships>
<Relationship Id="rId1" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId9" Target="/xl/worksheets/sheet1.xml"/></Relationships>"""
# The second style is a date, the third one of the tenant's own making.
_STYLES = """<styleSheet><numFmts><numFmt numFmtId="170" formatCode="dd/mm/yyyy"/></numFmts>
<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>
<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/></cellXfs></styleSheet>"""


def workbook(
    rows: Sequence[Sequence[str]], *, sheet: str | None = None, leave_out: str = ""
) -> bytes:
    """`sheet` stands in for the rows; `leave_out` is a part that is missing."""
    strings = [cell for row in rows for cell in row]
    parts = {
        "xl/workbook.xml": _BOOK,
        "xl/_rels/workbook.xml.rels": _RELATIONS,
        "xl/styles.xml": _STYLES,
        "xl/sharedStrings.xml": "<sst>"
        + "".join(f"<si><t>{escape(text)}</t></si>" for text in strings)
        + "</sst>",
        SHEET: sheet or _sheet(rows),
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            if name != leave_out:
                archive.writestr(name, content)
    return target.getvalue()


def _sheet(rows: Sequence[Sequence[str]]) -> str:
    lines, number = [], 0
    for place, row in enumerate(rows, 1):
        cells = []
        for column, _ in enumerate(row):
            cells.append(f'<c r="{chr(65 + column)}{place}" t="s"><v>{number}</v></c>')
            number += 1
        lines.append(f'<row r="{place}">{"".join(cells)}</row>')
    return f"<worksheet><sheetData>{''.join(lines)}</sheetData></worksheet>"
