"""Exports: complete, harmless to a spreadsheet, recorded, and never in anybody's way."""

import asyncio
import csv
import gc
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crm_saas.app import create_app
from crm_saas.kit.settings import Settings
from factories.customers import create_guest, create_stub, new_phone
from factories.database import rows
from factories.filled import fill
from factories.servers import Server, run_server
from factories.tenants import TestTenant, make_tenant

ODD = 'قهوة "مُرّة"\\ and, ; \t a|b\u2028'
LINES = "first\nsecond\r\nthird"


def as_csv(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def as_lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.text.endswith("\n") or not answer.text
    return [json.loads(line) for line in answer.text.split("\n") if line]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "=cmd|'/c calc'!A1", "＝1+1"]
)
def test_no_cell_is_a_formula(api: httpx.Client, text: str) -> None:
    create_stub(
        api, name=f"A{text}", notes=text, companyName=f"{text}a", industry=text, preferences={}
    )
    [row] = as_csv(api.get("/customers/export"))
    for name, cell in row.items():
        assert name == "phone" or not cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝")), name
    assert row["phone"].startswith("+968")
    [line] = as_lines(api.get("/customers/export", params={"format": "jsonl"}))
    assert line["notes"] == text


def test_texts_come_back_as_they_were(api: httpx.Client) -> None:
    preferences = {"كلمة": [ODD, LINES, None, 1.5, {"a": "\\n"}], "quote": '"'}
    made = create_stub(api, name2="أمل", notes=ODD + LINES, preferences=preferences)
    [row] = as_csv(api.get("/customers/export"))
    assert row["notes"] == ODD + LINES
    assert json.loads(row["preferences"]) == preferences
    answer = api.get("/customers/export", params={"format": "jsonl"})
    assert answer.text.count("\n") == 1
    [line] = as_lines(answer)
    for name in ("id", "customerNumber", "name", "name2", "notes", "preferences", "phone"):
        assert line[name] == made[name]
    assert (line["phoneVerified"], line["email"]) == (False, None)
    assert line["createdAt"][:19] == made["createdAt"][:19]


def test_an_export_says_what_the_list_says(api: httpx.Client, tenant: TestTenant) -> None:
    phones = ["+96892123456", "+12125550123", "+442071838750", "+2902345", "+97150123456"]
    emails = ["a@example.com", "amal@b@example.com", "\u00e9mile@example.com"]
    money = [("12.500", "OMR"), ("999999999999999.999", "OMR"), ("7", "JPY"), ("0.05", "KES")]
    for phone in phones:
        api.post("/customers", json={"name": "Amal", "phone": phone})
    for email in emails:
        api.post("/customers", json={"name": "E", "phone": new_phone(), "email": email})
    for amount, currency in money:
        create_guest(
            api,
            annualRevenue={"amount": amount, "currency": currency},
            avatarUrl="https://example.com/a.png",
        )
    verified = create_stub(api)
    api.post(f"/customers/{verified['id']}/verify-identity", json={"how": "passport"})
    for role in ("auditor", "manager"):
        client = tenant.client(role)
        listed = client.get("/customers", params={"sort": "customerNumber"}).json()["items"]
        assert len(listed) > len(emails) + len(money)
        lines = as_lines(client.get("/customers/export", params={"format": "jsonl"}))
        sheet = as_csv(client.get("/customers/export"))
        for shown, line, cells in zip(listed, lines, sheet, strict=True):
            for name in ("phone", "email", "avatarUrl"):
                assert shown[name] == line[name] == (cells[name] or None)
            for name in ("phoneVerified", "emailVerified", "identityVerified"):
                assert line[name] is shown[name]
                assert cells[name] == str(shown[name]).lower()
            revenue = shown["annualRevenue"] or {"amount": None, "currency": None}
            assert line["annualRevenueAmount"] == revenue["amount"]
            assert line["annualRevenueCurrency"] == revenue["currency"]
            assert cells["annualRevenueAmount"] == (revenue["amount"] or "")
            assert (line["expiresAt"] or "")[:19] == (shown["expiresAt"] or "")[:19]


def test_a_spreadsheet_may_ask_for_a_mark(api: httpx.Client) -> None:
    create_stub(api, name="أمل")
    plain, marked = (api.get("/customers/export", params={"bom": bom}) for bom in (False, True))
    assert marked.content == b"\xef\xbb\xbf" + plain.content
    refused = api.get("/customers/export", params={"bom": True, "format": "jsonl"})
    assert [error["field"] for error in refused.json()["errors"]] == ["bom"]


def test_an_export_is_whole_and_filtered(api: httpx.Client, other_tenant: TestTenant) -> None:
    create_stub(other_tenant.client())
    stubs = [create_stub(api)["id"] for _ in range(3)]
    guest = create_guest(api)["id"]
    api.delete(f"/customers/{guest}")
    assert [row["id"] for row in as_csv(api.get("/customers/export"))] == [*stubs, guest]
    for query, ids in (
        ({"profileStatus": "stub"}, stubs),
        ({"status": "inactive"}, [guest]),
        ({"status": "blocked"}, []),
    ):
        answer = api.get("/customers/export", params=query)
        assert [row["id"] for row in as_csv(answer)] == ids
        assert answer.text.startswith("id,customerNumber,")
        lines = as_lines(api.get("/customers/export", params=query | {"format": "jsonl"}))
        assert [line["id"] for line in lines] == ids


def test_an_export_is_a_file_and_in_the_trail(api: httpx.Client, tenant: TestTenant) -> None:
    create_stub(api)
    answer = tenant.client("auditor").get(
        "/customers/export", params={"format": "jsonl", "profileStatus": "stub"}
    )
    assert answer.headers["Content-Disposition"] == 'attachment; filename="customers.jsonl"'
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    event = api.get("/audit", params={"limit": 1}).json()["items"][0]
    assert (event["kind"], event["actorRole"]) == ("customers.exported", "auditor")
    assert event["after"] == {"format": "jsonl", "filter": {"profileStatus": "stub"}}


def test_an_export_that_is_refused_is_not_in_the_trail(api: httpx.Client) -> None:
    assert api.get("/customers/export", params={"search": "a"}).status_code == 422
    assert api.get("/audit").json()["items"] == [] or all(
        event["kind"] != "customers.exported" for event in api.get("/audit").json()["items"]
    )


def test_a_reader_who_leaves_leaves_nothing_behind(
    fresh_server: Server, settings: Settings
) -> None:
    """Streams have a pool of four: a fifth one left open would wait for ever."""
    with make_tenant(fresh_server) as tenant:
        api = tenant.client()
        fill(settings, tenant.id, 120, notes=5_000, preferences=16_000)
        for _ in range(5):
            with api.stream("GET", "/customers/export") as answer:
                assert answer.status_code == 200
                next(answer.iter_raw())
        exported = as_csv(api.get("/customers/export"))
        assert len(exported) == 120
        # Who reads slowly does not hold up who edits.
        with api.stream("GET", "/customers/export") as answer:
            next(answer.iter_raw())
            edited = api.patch(f"/customers/{exported[0]['id']}", json={"notes": "Called."})
            assert edited.status_code == 200
        left = rows(
            settings,
            "select count(*) from pg_stat_activity where usename = 'crm_app'"
            " and datname = current_database() and state <> 'idle' and query ilike 'copy%%'",
        )
        assert left == [(0,)]


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Without the garbage collector, which closes in its own time what was forgotten."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _cancelled_in_mid_stream(app: Any) -> Any:
    """The application as a server that stops leaves it: each stream is cancelled once it began."""

    async def served(scope: Any, receive: Any, send: Any) -> None:
        task = asyncio.current_task()
        assert task is not None

        async def sent(message: Any) -> None:
            await send(message)
            if message.get("more_body"):
                task.cancel()
                await asyncio.sleep(0)

        await app(scope, receive, sent)

    return served


def test_a_cancelled_export_gives_its_connection_back(
    settings: Settings, no_collector: None
) -> None:
    open_ones = (
        "select count(*) from pg_stat_activity where usename = 'crm_app'"
        " and datname = current_database() and state like 'idle in transaction%%'"
    )
    with (
        run_server(settings, application=_cancelled_in_mid_stream(create_app(settings))) as server,
        make_tenant(server) as tenant,
    ):
        api = tenant.client()
        create_guest(api)
        with pytest.raises(httpx.RemoteProtocolError):
            api.get("/customers/export")
        deadline = time.monotonic() + 10
        while rows(settings, open_ones) != [(0,)]:
            assert time.monotonic() < deadline
