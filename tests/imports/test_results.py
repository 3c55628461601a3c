"""What can be taken away: results, and an export that comes back."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg

from crm_saas.imports.tasks import expire_everywhere
from crm_saas.kit.db import Database
from factories.customers import create_guest, create_stub, new_phone
from factories.imports import Importing, upload
from factories.tenants import TestTenant

Begin = Callable[..., Importing]


def test_the_rows_as_they_came_with_what_became_of_them(api: httpx.Client, begin: Begin) -> None:
    phone = new_phone()
    importing = begin(
        ["Name", "Phone", "Notes"],
        ["Amal", phone, "=HYPERLINK(1)"],
        ["Said", "12", "a,b"],
    )
    answer = api.get(f"/imports/{importing.id}/result")
    assert (answer.status_code, answer.json()["type"].split("/")[-1]) == (409, "import-busy")
    importing.run()
    header, created, refused = importing.result()
    assert header == ["Name", "Phone", "Notes", "outcome", "customerNumber", "reason"]
    assert created == ["Amal", f"'{phone}", "'=HYPERLINK(1)", "created", "CUST-00001", ""]
    assert refused[:5] == ["Said", "12", "a,b", "refused", ""]
    assert refused[5].startswith("Phone: is too short for Oman")


def test_an_export_imported_again_changes_nothing(
    api: httpx.Client, run_jobs: Callable[[], None]
) -> None:
    create_stub(
        api,
        name="=1+1",
        notes="  'quoted'\r\n-and a line ",
        email="+amal@example.com",
        externalId="=7",
        preferences={"a": "=b"},
        annualRevenue={"amount": "12.500", "currency": "OMR"},
        dateOfBirth="1990-03-02",
    )
    create_stub(api, name2="أمل", displayName="Somebody; else", companyName="@home")
    create_guest(api, notes="\t-tab")
    before = api.get("/customers").json()["items"]
    for bom in ("false", "true"):
        exported = api.get("/customers/export", params={"bom": bom})
        importing = Importing(api, run_jobs, upload(api, exported.content)["id"])
        assert importing.state["upsertBy"] == "customerNumber"
        importing.run()
        assert importing.counts == {"unchanged": 3}, importing.rows()
        assert api.get("/customers").json()["items"] == before


def test_what_has_expired_is_forgotten(
    own: TestTenant, api: httpx.Client, begin: Begin, run_jobs: Callable[[], None]
) -> None:
    importing = begin(["Name", "Phone"], ["Amal", new_phone()])
    importing.run()
    kept = begin(["Name", "Phone"], ["Said", new_phone()])
    settings = own.server.settings
    with psycopg.connect(settings.url("crm_platform")) as platform:
        platform.execute("update org_imports set expires_at = now() where id = %s", [importing.id])

    async def expire() -> None:
        database = Database(settings, "crm_platform")
        try:
            await expire_everywhere(database)
        finally:
            await database.close()

    for _ in range(3):  # rows, files, and nothing more
        asyncio.run(expire())
        run_jobs()
    files = Path(urlsplit(settings.files_url).path).glob(f"{own.id}/*/*")
    assert [path.name for path in files if path.is_file()] == [kept.id]
    assert importing.rows() == []
    assert importing.state["status"] == "done"
    for method, path in (("GET", "result"), ("POST", "revert")):
        answer = api.request(method, f"/imports/{importing.id}/{path}")
        assert (answer.status_code, answer.json()["type"].split("/")[-1]) == (410, "import-expired")
