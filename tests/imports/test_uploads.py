"""What comes in, and what is refused at the door."""

import io
import os
import socket
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from crm_saas.imports import tables
from crm_saas.imports.limits import COLUMNS_MAX, RECORD_LENGTH_MAX
from crm_saas.kit import uploads
from crm_saas.kit.settings import Settings
from factories.customers import new_phone
from factories.imports import XLSX, as_csv, upload
from factories.servers import Server, run_server
from factories.tenants import TestTenant, make_tenant
from imports.workbooks import SHEET, workbook

HEADER = ["Name", "Phone"]
ROWS = [HEADER, ["أمل البلوشي", "+96890123456"], ["Saïd; the elder", "92"]]


@pytest.fixture
def client(tenant: TestTenant) -> httpx.Client:
    return tenant.client("owner")


def files_of(tenant: TestTenant) -> list[Path]:
    url = tenant.server.settings.files_url
    return [p for p in Path(urlsplit(url).path).glob(f"{tenant.id}/*/*") if p.is_file()]


def imports_of(tenant: TestTenant) -> list[dict]:
    return tenant.client("owner").get("/imports").json()["items"]


@pytest.mark.parametrize(
    ("encoding", "seen"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("windows-1256", "windows-1256"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters_are_seen(
    encoding: str, seen: str, delimiter: str, client: httpx.Client
) -> None:
    rows = [["الاسم", "الهاتف"], ["أمل البلوشي", "+96890123456"], ["سعيد; الكبير", "92"]]
    uploaded = upload(client, as_csv(rows, encoding, delimiter=delimiter), filename="a.csv")
    assert (uploaded["encoding"], uploaded["delimiter"]) == (seen, delimiter)
    assert uploaded["headers"] == rows[0]
    assert uploaded["sample"] == rows[1:]
    assert uploaded["mapping"] == {"الاسم": "name", "الهاتف": "phone"}
    assert (uploaded["status"], uploaded["filename"]) == ("uploaded", "a.csv")


def test_they_can_be_named(client: httpx.Client) -> None:
    content = as_csv([["Name", "Phone"], ["Zoë", "1|2"]], "windows-1252")
    uploaded = upload(client, content, encoding="windows-1252", delimiter=",")
    assert uploaded["sample"] == [["Zoë", "1|2"]]
    little_endian = as_csv(ROWS, "utf-16-le")
    assert upload(client, little_endian, encoding="utf-16-le")["headers"] == HEADER


def test_excels_line_about_the_delimiter(client: httpx.Client) -> None:
    uploaded = upload(client, b"sep=;\r\nName;Phone\r\nAmal, Said;92\r\n")
    assert uploaded["headers"] == HEADER
    assert uploaded["sample"] == [["Amal, Said", "92"]]


def test_a_workbook(client: httpx.Client) -> None:
    uploaded = upload(client, workbook(ROWS), XLSX, filename="a.xlsx")
    assert (uploaded["format"], uploaded["encoding"]) == ("xlsx", None)
    assert (uploaded["headers"], uploaded["sample"]) == (HEADER, ROWS[1:])


WIDE = ",".join(f"c{n}" for n in range(10_000)).encode()
UNREADABLE = {
    "empty": (b"", "The body is empty"),
    "blank": (b"\n\n , \n", "The file is empty"),
    "no rows": (b"Name,Phone\n", "no rows below"),
    "columns": (WIDE + b"\n" + WIDE, "has 10,000 columns"),
    "open quote": (b'Name,Phone\n"Amal,92\nSaid,93\n', "record that begins on line 2 never closes"),
    "quote within": (b'Name,Phone\n"Am"al,92\n', "Line 2 has a quote within a quoted cell"),
    "endless record": (
        b'Name,Phone\n"' + b"x\n" * (RECORD_LENGTH_MAX // 2 + 1),
        "record that begins on line 2 has more than",
    ),
    "endless line": (b"Name,Phone\n" + b"x" * (RECORD_LENGTH_MAX + 1), "begins on line 2"),
    "utf-16 without a mark": (as_csv(ROWS, "utf-16-le"), "encoding=utf-16-le"),
    "a header of another encoding": ("Name,Phoné\nA,1\n".encode("latin-1") * 2, None),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "XLS"),
    "no workbook": (workbook(ROWS, leave_out="xl/workbook.xml"), "no Excel workbook"),
    "no sheet": (workbook(ROWS, leave_out=SHEET), "no sheet that can be read"),
    "cut off": (workbook(ROWS)[:-200], None),
    "entities": (
        workbook(ROWS, sheet='<!DOCTYPE a [<!ENTITY b "c">]><worksheet>&b;</worksheet>'),
        "declares XML entities",
    ),
    "no XML": (workbook(ROWS, sheet="<worksheet><row>"), "damaged"),
    "a tag without end": (workbook(ROWS, sheet="<a " + "x" * 3_000_000), "damaged"),
    "a bomb": (
        workbook(ROWS, sheet="<worksheet>" + " " * 40_000_000 + "</worksheet>"),
        "times its size",
    ),
    "a text that is not there": (
        workbook(
            ROWS, sheet='<worksheet><row r="1"><c r="A1" t="s"><v>99</v></c></row></worksheet>'
        ),
        "names a text",
    ),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_refused_and_leaves_nothing(
    kind: str, client: httpx.Client, tenant: TestTenant
) -> None:
    content, says = UNREADABLE[kind]
    answer = client.post("/imports", content=content)
    if says is None:  # read as something, if at all: never a fault of ours
        assert answer.status_code in {201, 422}, answer.text
        return
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"].endswith("/unreadable-file")
    assert says in answer.json()["detail"]
    assert (imports_of(tenant), files_of(tenant)) == ([], [])


def test_a_wide_file_is_refused_by_its_header(client: httpx.Client) -> None:
    header = [f"c{n}" for n in range(COLUMNS_MAX)]
    assert len(upload(client, as_csv([header, ["x"]]))["headers"]) == COLUMNS_MAX


def test_five_gigabytes_are_refused_at_once(tenant: TestTenant) -> None:
    """By what they declare: nothing of them was sent yet."""
    url, key = urlsplit(tenant.server.url), tenant.key()
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(
            f"POST /api/v1/imports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Length: {5 * 1024**3}\r\n\r\n".encode()
        )
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413"), answer
    assert b"A file may have 268,435,456 bytes" in answer
    assert (imports_of(tenant), files_of(tenant)) == ([], [])


@pytest.fixture
def small_server(settings: Settings) -> Iterator[Server]:
    with run_server(replace(settings, import_bytes_max=1024 * 1024)) as running:
        yield running


def test_in_chunks_a_file_ends_at_the_limit(small_server: Server) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b"Name,Phone\n"
        while True:
            sent += 65536
            yield b"x" * 65535 + b"\n"

    with make_tenant(small_server) as tenant:
        try:
            answer = tenant.client("owner").post("/imports", content=endless())
        except httpx.HTTPError:  # the server hung up while we were sending
            pass
        else:
            assert answer.status_code == 413
            assert answer.json()["detail"].startswith("A file may have 1,048,576 bytes")
        assert sent < 64 * 1024 * 1024
        assert (imports_of(tenant), files_of(tenant)) == ([], [])


def test_a_body_that_ends_too_soon_leaves_nothing(tenant: TestTenant) -> None:
    url, key = urlsplit(tenant.server.url), tenant.key()
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(
            f"POST /api/v1/imports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            "Content-Length: 100000\r\n\r\nName,Phone\nAmal,92\n".encode()
        )
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(4096)[:12] in {b"", b"HTTP/1.1 400"}
    assert (imports_of(tenant), files_of(tenant)) == ([], [])


def test_the_same_file_with_the_same_key_is_one_import(
    client: httpx.Client, tenant: TestTenant
) -> None:
    headers = {"Idempotency-Key": "file-1"}
    first = client.post("/imports", content=as_csv(ROWS), headers=headers)
    second = client.post("/imports", content=as_csv(ROWS), headers=headers)
    assert first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert (len(imports_of(tenant)), len(files_of(tenant))) == (1, 1)
    other = client.post("/imports", content=as_csv(ROWS[:2]), headers=headers)
    assert other.status_code == 422
    assert other.json()["type"].endswith("/idempotency-key-reused")
    assert len(files_of(tenant)) == 1


def test_no_transaction_is_open_while_a_body_comes(fresh_server: Server) -> None:
    """Whoever sends slowly holds no connection: there are but ten."""
    busy = []

    def slowly() -> Iterator[bytes]:
        yield b"Name,Phone\n"
        with psycopg.connect(fresh_server.settings.url("crm_platform")) as platform:
            busy.extend(
                platform.execute(
                    "select state, query from pg_stat_activity"
                    " where usename = 'crm_app' and datname = current_database()"
                    " and state <> 'idle'"
                ).fetchall()
            )
        yield b"Amal," + new_phone().encode() + b"\n"

    with make_tenant(fresh_server) as tenant:
        answer = tenant.client("owner").post("/imports", content=slowly())
        assert answer.status_code == 201, answer.text
    assert busy == []


def test_a_tenant_sends_two_files_at_once(
    client: httpx.Client, other_tenant: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of what a process takes in; the other half is for the others."""
    answers = []

    def within(deeper: int) -> Iterator[bytes]:
        yield b"Name,Phone\n"
        if deeper:
            answers.append(client.post("/imports", content=within(deeper - 1)))
        else:
            answers.append(other_tenant.client("owner").post("/imports", content=as_csv(ROWS)))
        yield b"Amal," + new_phone().encode()

    answers.append(client.post("/imports", content=within(2)))
    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(answers) == 4
    assert [answer.json()["type"].rpartition("/")[2] for answer in refused] == ["overloaded"]


@pytest.mark.parametrize(
    ("bound", "says"), [("SILENCE_SECONDS_MAX", "Nothing came"), ("SECONDS_MAX", "too slowly")]
)
def test_a_file_that_comes_too_slowly_is_given_up(
    bound: str, says: str, tenant: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, bound, 0.05 if bound.startswith("SIL") else -1)
    url, key = urlsplit(tenant.server.url), tenant.key()
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(
            f"POST /api/v1/imports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            "Content-Length: 100000\r\n\r\nName,Phone\nAmal,92\n".encode()
        )
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 408"), answer
    assert says.encode() in answer
    assert (imports_of(tenant), files_of(tenant)) == ([], [])


def test_a_file_has_so_many_rows(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS_MAX", 2)
    assert len(upload(client, as_csv(ROWS))["sample"]) == 2
    answer = client.post("/imports", content=as_csv([*ROWS, ["Third", "93"]]))
    assert answer.json()["detail"].startswith("The file has more than 2 rows")


def test_names_of_files_are_shown_without_what_deceives(client: httpx.Client) -> None:
    assert upload(client, as_csv(ROWS), filename="a\u202eb.csv")["filename"] == "customers"
    assert upload(client, as_csv(ROWS), filename=" list  of 2026.csv ")["filename"] == (
        "list of 2026.csv"
    )


def test_a_zip_that_is_no_workbook_is_no_csv(client: httpx.Client) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.txt", os.urandom(100))
    answer = client.post("/imports", content=target.getvalue())
    assert answer.json()["detail"].startswith("The file is no Excel workbook")
