"""What the cells of a spreadsheet mean."""

import io

from crm_saas.imports.sheets import read_sheet
from crm_saas.imports.tables import NoValue, Row
from imports.workbooks import workbook


def cells(*xml: str) -> list[str]:
    line = "".join(xml)
    sheet = f'<worksheet><sheetData><row r="1">{line}</row></sheetData></worksheet>'
    [row] = read_sheet(io.BytesIO(workbook([["first", "second"]], sheet=sheet)))
    return row.cells


def test_texts() -> None:
    assert cells('<c t="s"><v>1</v></c>', '<c t="inlineStr"><is><t>in</t></is></c>') == [
        "second",
        "in",
    ]
    assert cells('<c t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c>') == ["ab"]


def test_numbers_come_as_they_were_typed() -> None:
    typed = ["96890123456", "9.6890123456E10", "0.30000000000000004", "1500.500", "-3"]
    assert cells(*(f"<c><v>{text}</v></c>" for text in typed)) == [
        "96890123456", "96890123456", "0.3", "1500.5", "-3"
    ]  # fmt: skip


def test_dates_are_known_by_their_style() -> None:
    assert cells(
        '<c s="1"><v>32934</v></c>', '<c s="2"><v>32934.5</v></c>', '<c s="0"><v>32934</v></c>'
    ) == ["1990-03-02", "1990-03-02T12:00:00", "32934"]


def test_formulas_are_not_run() -> None:
    found = cells(
        '<c t="str"><f>A1&amp;B1</f><v>cached</v></c>',
        "<c><f>1+1</f></c>",
        '<c t="e"><f>1/0</f><v>#DIV/0!</v></c>',
    )
    assert found == ["cached", "?", "#DIV/0!"]
    assert [isinstance(cell, NoValue) for cell in found] == [False, True, True]


def test_cells_that_are_missing_are_empty() -> None:
    assert cells('<c r="B1"><v>1</v></c>', '<c r="D1" t="b"><v>1</v></c>') == ["", "1", "", "true"]


def test_rows_keep_their_numbers() -> None:
    sheet = '<worksheet><row r="3"><c><v>1</v></c></row><row><c><v>2</v></c></row></worksheet>'
    assert list(read_sheet(io.BytesIO(workbook([], sheet=sheet)))) == [
        Row(3, ["1"]),
        Row(4, ["2"]),
    ]


def test_letters_that_xml_cannot_hold() -> None:
    escaped = "a_x000D_\nb_x005F_x000D_", "_x000d_", "_x00_ _xyz_"
    shown = ["a\r\nb_x000D_", "\r", "_x00_ _xyz_"]
    assert cells(*(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in escaped)) == shown
    sheet = '<worksheet><row r="1"><c t="s"><v>0</v></c></row></worksheet>'
    [row] = read_sheet(io.BytesIO(workbook([["a_x000D_"]], sheet=sheet)))
    assert row.cells == ["a\r"]
