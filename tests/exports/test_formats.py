"""Workbooks and PDFs, opened by programs that are not ours."""

import csv
import io
from datetime import date, datetime
from typing import Any

import httpx
import openpyxl
import psycopg
import pypdf
import pytest
from sqlalchemy import column, select

from crm_saas.exports import service
from crm_saas.exports.heads import Sheet
from crm_saas.exports.rows import _compile
from crm_saas.exports.sheets import Book, _typed
from crm_saas.kit.spreadsheets import SIGNS, guard, guarded, unguard
from factories.addresses import add_address
from factories.customers import create_guest, create_stub
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant

FORMULA = '=HYPERLINK("http://example.com","x")'


def as_book(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return openpyxl.load_workbook(io.BytesIO(answer.content))


def as_rows(answer: httpx.Response) -> list[dict[str, Any]]:
    sheet = as_book(answer).active
    names, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def as_text(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.content)).pages]


def export(client: httpx.Client, file_format: str, **query: str) -> httpx.Response:
    return client.get("/customers/export", params={"format": file_format} | query)


def test_cells_of_a_workbook_are_what_they_are(api: httpx.Client) -> None:
    made = create_stub(
        api, name=FORMULA, name2="أمل البلوشي", notes="'=1", dateOfBirth="1980-02-03",
        annualRevenue={"amount": "12.500", "currency": "OMR"}, companyName="007",
    )  # fmt: skip
    create_guest(api, dateOfBirth="1900-01-31")
    answer = export(api, "xlsx")
    assert "spreadsheetml" in answer.headers["Content-Type"]
    sheet = as_book(answer).active
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "b", "d"}
    first, second = as_rows(answer)
    assert (unguard(first["name"]), first["name2"]) == (FORMULA, "أمل البلوشي")
    assert (first["notes"], unguard(first["notes"])) == ("''=1", "'=1")
    assert first["dateOfBirth"].date() == date(1980, 2, 3)
    assert second["dateOfBirth"] == "1900-01-31"
    assert first["annualRevenueAmount"] == 12.5
    assert (first["companyName"], first["phone"]) == ("007", made["phone"])
    assert first["phoneVerified"] is False
    assert first["createdAt"].isoformat()[:19] == made["createdAt"][:19]
    assert not sheet.sheet_view.rightToLeft


def test_a_workbook_holds_what_the_csv_does(api: httpx.Client, tenant: TestTenant) -> None:
    customer = create_stub(api, notes="-1", preferences={"scent": "عود"})
    add_address(api, f"/customers/{customer['id']}/addresses", street="=1", isDefault=True)
    for role in ("manager", "auditor"):
        client = tenant.client(role)
        [cells] = csv.DictReader(io.StringIO(export(client, "csv").text))
        [row] = as_rows(export(client, "xlsx"))
        assert row.keys() == cells.keys()
        text = ("name", "notes", "preferences", "phone", "address.street", "address.latitude")
        assert [row[name] or "" for name in text] == [cells[name] for name in text]
    assert "****" in row["phone"]
    assert row["address.street"] == "'=1"


def test_an_arabic_tenants_sheet_begins_at_the_right(server: Server) -> None:
    with make_tenant(server, locale="ar", name2="النور") as tenant:
        create_stub(tenant.client(), name="أمل")
        book = as_book(export(tenant.client(), "xlsx"))
        assert book.sheetnames == ["العملاء"]
        assert book.active.sheet_view.rightToLeft
        [text] = as_text(export(tenant.client(), "pdf"))
        assert "صفحة" in text and "الهاتف" in text


def test_a_sheet_that_is_full_is_followed_by_another() -> None:
    out = io.BytesIO()
    book = Book(out, Sheet(["a", "b"], ["text", "number"], "Customers"), rows_max=3)
    for n in range(5):
        book.write([f"row {n}", str(n) if n else ""])
    book.close()
    sheets = openpyxl.load_workbook(out).worksheets
    assert [sheet.title for sheet in sheets] == ["Customers", "Customers 2", "Customers 3"]
    assert [[cell.value for cell in row] for row in sheets[1].iter_rows()] == [
        ["a", "b"], ["row 2", 2], ["row 3", 3]
    ]  # fmt: skip


def test_a_pdf_is_read_in_both_scripts(api: httpx.Client, tenant: TestTenant) -> None:
    create_stub(api, name="Amal *bold* #panic()", name2="أمل البلوشي", phone="+96892345678")
    for _ in range(40):
        create_guest(api)
    first, second = as_text(export(api, "pdf", createdFrom="2020-01-01"))
    # How a reader puts two directions of one line into one order is its own affair.
    for text in ("Amal *bold* #panic()", "96892345678", "createdFrom: 2020-01-01", "1 / 2"):
        assert text in first, text
    assert "أمل" in first and "البلوشي" in first
    assert f"Tenant {tenant.slug}" in first and f"Tenant {tenant.slug}" in second
    assert "CUST-00041" in second
    assert "****" in as_text(export(tenant.client("auditor"), "pdf"))[0]


def test_what_takes_too_long_is_refused_with_the_way_out(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SHEET_ROWS_MAX", 1)
    monkeypatch.setattr(service, "PAPER_ROWS_MAX", 1)
    create_guest(api)
    assert export(api, "xlsx").status_code == export(api, "pdf").status_code == 200
    create_guest(api)
    large, long = export(api, "xlsx"), export(api, "pdf")
    assert (large.status_code, long.status_code) == (413, 422)
    assert "POST /api/v1/exports" in large.json()["detail"]
    assert "CSV" in long.json()["detail"]
    assert api.post("/exports", json={"format": "pdf"}).status_code == 422
    assert export(api, "csv").status_code == 200


def test_the_database_guards_as_we_do(owner_url: str) -> None:
    texts = [
        before + sign + after
        for before in ("", "'", "''", "a", "أ", " ")
        for sign in ("", *SIGNS, "'", "A", "@", "~", "É", "ﷺ", "0")
        for after in ("", "1", "'")
    ]
    sql, parameters = _compile(select(guarded(column("c"))))
    with psycopg.connect(owner_url.replace("+psycopg", "")) as connection:
        query = f"{sql} from unnest(%(texts)s::text[]) with ordinality as t(c, n) order by n"
        found = connection.execute(query.encode(), parameters | {"texts": texts}).fetchall()
    assert [text for (text,) in found] == [guard(text) for text in texts]


def test_dates_before_spreadsheets_count_stay_text() -> None:
    assert _typed("date", "1900-02-28") == "1900-02-28"
    assert _typed("date", "1900-03-01") == date(1900, 3, 1)
    assert _typed("number", "999999999999999.999") == "999999999999999.999"
    moment = "2026-11-28T07:52:11.123456"
    assert _typed("time", f"{moment}Z") == datetime.fromisoformat(moment)
