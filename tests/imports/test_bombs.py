"""Files that somebody made so that reading them takes a process down."""

import io
import os
import tempfile
import tracemalloc
import zipfile
from threading import Thread
from typing import BinaryIO, cast

import httpx
import psycopg
import pytest

from crm_saas.imports import apart, archives, books, uploading
from crm_saas.imports.apart import ReaderStopped, read_apart
from crm_saas.imports.encodings import Dialect
from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import COLUMNS_MAX
from crm_saas.imports.reading import read_table
from crm_saas.imports.rows_of_file import CHUNK_LENGTH_MAX, RowsOfFile
from crm_saas.imports.sheets import read_sheet
from crm_saas.imports.tables import NoValue, Row
from crm_saas.kit.locks import lock_number
from factories.imports import as_csv
from factories.tenants import TestTenant
from factories.waiting import until
from imports.bombs import HEADER, repacked, sheet, with_entries, with_row, with_strings
from imports.workbooks import SHEET, workbook

ANOTHER = """
    insert into org_imports (
        tenant_org_id, id, filename, format, size_bytes, headers, sample, guessed, starter, status,
        expires_at
    )
    select tenant_org_id, gen_random_uuid(), filename, format, size_bytes, headers, sample, guessed,
        starter, status, expires_at
    from org_imports
    where tenant_org_id = %s
"""
ROW = '<row r="2"><c t="inlineStr"><is><t>{}</t></is></c></row>'
NINES = "9" * 5_000
STRINGS_AMPLIFIED = with_strings(
    ["Name", "x" * 20_000],
    '<row r="1"><c t="s"><v>0</v></c></row>'
    + f"<row>{'<c t=' + chr(34) + 's' + chr(34) + '><v>1</v></c>'}</row>" * 2_000,
)
WIDE_ROW = with_strings(
    ["Name", "x" * 20_000],
    HEADER + "<row>" + '<c t="s"><v>1</v></c>' * 200 + "</row>",
)
REFUSED = {
    "packed by BZIP2": (
        repacked(with_row(ROW.format("x")), {}, zipfile.ZIP_BZIP2), "packed as no office program"
    ),
    "packed by LZMA": (
        repacked(with_row(ROW.format("x")), {}, zipfile.ZIP_LZMA), "packed as no office program"
    ),
    "many parts": (with_entries(40_000), "lists more parts"),
    "deep": (workbook([], sheet="<worksheet>" + "<a>" * 100_000), "deep in each other"),
    "many sheets": (
        repacked(with_row(""), {"xl/workbook.xml": "<workbook>" + "<sheet/>" * 2_000}),
        "more than 1,000 entries in xl/workbook.xml",
    ),
    "many relations": (
        repacked(
            with_row(""),
            {"xl/_rels/workbook.xml.rels": "<a>" + '<Relationship Id="a" Target="b"/>' * 20_000},
        ),
        "more than 10,000 entries",
    ),
    "many styles": (
        repacked(with_row(""), {"xl/styles.xml": "<a>" + "<xf/>" * 4_000}), "entries in xl/styles"
    ),
    "a row too far": (with_row('<row r="1048577"><c><v>1</v></c></row>'), "a row past 1,048,576"),
    "a row of 5,000 digits": (with_row(f'<row r="{NINES}"/>'), "a row past"),
    "a text of 5,000 digits": (
        with_row(f'<row r="2"><c t="s"><v>{NINES}</v></c></row>'), "names a text that it has not"
    ),
    "a column of many letters": (
        with_row(f'<row r="2"><c r="{"A" * 200_000}1"><v>1</v></c></row>'), "at no place"
    ),
    "a row of much text": (WIDE_ROW, "Row 2 has more than 1,048,576 characters"),
    "one text in many cells": (STRINGS_AMPLIFIED, "have more than 33,554,432 characters"),
    "an unknown encoding": (
        workbook([], sheet='<?xml version="1.0" encoding="no"?><worksheet/>'), "no readable"
    ),
}  # fmt: skip


def kept(content: bytes) -> BinaryIO:
    file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - the tests close it
    file.write(content)
    file.seek(0)
    return file


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_grow_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "FORMATS_MAX", 1_000)
    content, says = REFUSED[kind]
    with pytest.raises(UnreadableFile, match=says):
        for _ in read_sheet(io.BytesIO(content)):
            pass


def test_numbers_of_any_size_are_read() -> None:
    values = ["1e29", "9e999999999999999999999", "-1E-300", "1" * 5_000]
    content = with_row(f"<row>{''.join(f'<c><v>{v}</v></c>' for v in values)}</row>")
    row = list(read_sheet(io.BytesIO(content)))[1]
    assert row.cells[0] == "1" + "0" * 29
    assert (row.cells[1], row.cells[3]) == (values[1], values[3])
    book = '<workbook xmlns:r="r"><workbookPr date1904="1"/><sheet r:id="rId1"/></workbook>'
    late = with_row('<row r="2"><c s="1"><v>2958465</v></c></row>')
    rows = list(read_sheet(io.BytesIO(repacked(late, {"xl/workbook.xml": book}))))
    assert rows[1].cells == ["2958465"]


def test_the_list_of_parts_is_not_read_before_it_is_measured() -> None:
    """One object a part: a million would be half a gigabyte."""
    content = with_entries(200_000)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFile), archives.open_archive(io.BytesIO(content)):
            pass
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024**2
    finally:
        tracemalloc.stop()


def test_a_reader_has_so_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The XML library keeps each name of an element that it meets."""
    names = "".join(f"<a{os.urandom(2_000).hex()}/>" for _ in range(10_000))
    content = repacked(with_row(""), {SHEET: f"<worksheet>{names}</worksheet>"}, zipfile.ZIP_STORED)
    with kept(content) as file:
        assert not list(read_apart(file, 20))
        monkeypatch.setattr(apart, "READER_MEMORY_BYTES_MAX", 64 * 1024**2)
        with pytest.raises(UnreadableFile, match="memory"):
            list(read_apart(file, 20))


def test_a_reader_has_so_much_time() -> None:
    content = workbook([], sheet=sheet("<row/>" * 1_000_000))
    with kept(content) as file, pytest.raises(UnreadableFile, match="takes more time"):
        list(read_apart(file, 1))


def test_who_ends_the_reader_says_nothing_about_the_file() -> None:
    with pytest.raises(ReaderStopped):
        apart.check_end(-15)


def test_a_reader_reads_what_the_file_has() -> None:
    """And leaves its position where it was: who handed the file over reads on."""
    content = with_row('<row r="5"><c><f>1+1</f></c><c><v>7</v></c></row>')
    with kept(content) as file:
        assert file.read(2) == b"PK"
        rows = list(read_apart(file, 20))
        assert rows == [Row(1, ["Name"]), Row(5, ["?", "7"])]
        assert isinstance(rows[1].cells[0], NoValue)
        assert file.read() == content[2:]


def test_looking_reads_the_first_strings_alone() -> None:
    many = [f"text {n}" for n in range(50_000)]
    broken = with_strings(many, HEADER + '<row><c t="s"><v>7</v></c></row>')
    cut = repacked(broken, {"xl/sharedStrings.xml": "<sst>" + "".join(
        f"<si><t>{text}</t></si>" for text in many) + "<not closed"})  # fmt: skip
    assert list(read_sheet(io.BytesIO(cut)))[1].cells == ["text 7"]


def test_chunks_have_so_many_characters() -> None:
    content = b"Name,Phone\n" + b"x" * 1_000_000 + b",1\n"
    with kept(content + content[11:] * 9) as file:
        rows = RowsOfFile(file, Dialect("utf-8", ","))
        numbers, number = [], 0
        while chunk := rows.after(number):
            assert sum(len(cell) for row in chunk for cell in row.cells) <= CHUNK_LENGTH_MAX
            number = chunk[-1].number
            numbers += [row.number for row in chunk]
        assert numbers == list(range(2, 12))


def test_rows_are_as_wide_as_their_header() -> None:
    lines = [["Name", "Phone", "", ""], ["a"] + [""] * 1_000, ["b", "1", "", "", "c", "d"]]
    with kept(as_csv(lines)) as file:
        rows = list(read_table(file, Dialect("utf-8", ",")))
    assert [row.cells for row in rows[1:]] == [["a", ""], ["b", "1", "c"]]
    assert COLUMNS_MAX < 1_000


def test_sheets_of_one_header_are_one_table() -> None:
    """As our own exports are where a sheet is full; another table beside them is left alone."""
    rows = '<row r="2"><c><v>{}</v></c></row>'
    names = {"a": sheet(rows.format(1)), "b": sheet(rows.format(2)), "d": sheet(rows.format(4))}
    other = rows.replace('r="2"', 'r="1"').format(3)
    book = "".join(f'<sheet name="{n}" r:id="{n}"/>' for n in "abcd")
    told = "".join(f'<Relationship Id="{n}" Target="worksheets/{n}.xml"/>' for n in "abcd")
    parts = {f"xl/worksheets/{name}.xml": content for name, content in names.items()} | {
        "xl/worksheets/c.xml": f"<worksheet>{other}</worksheet>",
        "xl/workbook.xml": f'<workbook xmlns:r="r">{book}</workbook>',
        "xl/_rels/workbook.xml.rels": f"<a>{told}</a>",
    }
    content = repacked(workbook([]), parts)
    assert list(read_sheet(io.BytesIO(content))) == [
        Row(1, ["Name"]), Row(2, ["1"]), Row(4, ["2"]), Row(6, ["4"])
    ]  # fmt: skip


def test_nothing_but_blank_lines_is_not_read_on() -> None:
    with kept(b"\n" * 20_000) as file, pytest.raises(UnreadableFile, match="10,000 without"):
        uploading.look_at(file, None, None)
    with kept(b"Name\nAmal\n" + b"\n" * 20_000) as file:
        assert uploading.look_at(file, None, None).head.sample == [["Amal"]]


def test_a_tenant_keeps_so_many_files(tenant: TestTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    api: httpx.Client = tenant.client("owner")
    content = as_csv([["Name"], ["Amal"]])
    monkeypatch.setattr(uploading, "KEPT_FILES_MAX", 1)
    assert api.post("/imports", content=content).status_code == 201
    refused = api.post("/imports", content=content)
    assert (refused.status_code, refused.json()["type"][-17:]) == (409, "/too-many-imports")
    monkeypatch.setattr(uploading, "KEPT_FILES_MAX", 9)
    assert api.post("/imports", content=content).status_code == 201
    monkeypatch.setattr(uploading, "KEPT_BYTES_MAX", 3 * len(content) - 1)
    assert api.post("/imports", content=content).status_code == 409
    assert len(api.get("/imports").json()["items"]) == 2


def test_files_that_come_at_once_are_counted_one_after_the_other(
    tenant: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another one adds at this moment is among those that are kept."""
    api, settings = tenant.client("owner"), tenant.server.settings
    monkeypatch.setattr(uploading, "KEPT_FILES_MAX", 2)
    content = as_csv([["Name"], ["Amal"]])
    assert api.post("/imports", content=content).status_code == 201
    answers: list[int] = []
    sending = Thread(
        target=lambda: answers.append(api.post("/imports", content=content).status_code)
    )
    with psycopg.connect(settings.url("crm_platform")) as other:
        number = lock_number(settings, str(tenant.id), "imports")
        other.execute("select pg_advisory_xact_lock(%s)", [number])
        sending.start()
        with psycopg.connect(settings.url("crm_platform")) as looking:
            waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
            until(lambda: looking.execute(waiting).fetchone() == (1,), seconds_max=20)
        other.execute(ANOTHER, [tenant.id])
    sending.join()
    assert answers == [409]
