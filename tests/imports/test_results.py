"""What can be taken away: results, and an export that comes back."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest

from crm_saas.imports.tasks import expire, expire_everywhere, forget_files
from crm_saas.kit.db import Database
from crm_saas.kit.files import FilesUnavailable
from crm_saas.kit.settings import Settings
from crm_saas.tenancy.registry import job_context
from factories.customers import create_guest, create_stub, new_phone
from factories.imports import Importing, upload
from factories.tenants import TestTenant

Begin = Callable[..., Importing]


def files_of(tenant: TestTenant) -> list[Path]:
    folder = Path(urlsplit(tenant.server.settings.files_url).path)
    return [path for path in folder.glob(f"{tenant.id}/*/*") if path.is_file()]


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


@pytest.mark.parametrize("external_id", ["'abc", "'12", "'+12", "''12", "'=1", "-1", "12", "'"])
def test_ids_come_back_as_they_were(
    external_id: str, api: httpx.Client, run_jobs: Callable[[], None]
) -> None:
    create_stub(api, externalId=external_id, name=f"{external_id} x")
    exported = api.get("/customers/export")
    importing = Importing(api, run_jobs, upload(api, exported.content)["id"])
    importing.run(upsertBy="externalId", mode="updateOnly")
    assert importing.counts == {"unchanged": 1}, importing.rows()


def test_an_apostrophe_of_another_program_is_no_part_of_an_id(
    api: httpx.Client, begin: Begin
) -> None:
    """As Shopify writes them; also when the result is imported again."""
    created = create_stub(api, externalId="123")
    rows = [["Customer ID", "Phone", "Notes"], ["'123", created["phone"], "'=1"]]
    importing = begin(*rows)
    importing.run(upsertBy="externalId")
    assert importing.counts == {"updated": 1}
    again = begin(*(row[:3] for row in importing.result()))
    again.run(upsertBy="externalId")
    assert again.counts == {"unchanged": 1}, again.rows()
    assert api.get(f"/customers/{created['id']}").json()["notes"] == "=1"


def test_what_has_expired_is_forgotten(
    own: TestTenant, api: httpx.Client, begin: Begin, run_jobs: Callable[[], None]
) -> None:
    importing = begin(["Name", "Phone"], ["Amal", new_phone()])
    importing.run()
    kept = begin(["Name", "Phone"], ["Said", new_phone()])
    settings = own.server.settings
    with psycopg.connect(settings.url("crm_platform")) as platform:
        platform.execute("update org_imports set expires_at = now() where id = %s", [importing.id])

    for _ in range(2):  # rows and files, and nothing more
        run_in(settings, expire_everywhere)
        run_jobs()
    assert [path.name for path in files_of(own)] == [kept.id]
    assert importing.rows() == []
    assert importing.state["status"] == "done"
    for method, path in (("GET", "result"), ("POST", "revert")):
        answer = api.request(method, f"/imports/{importing.id}/{path}")
        assert (answer.status_code, answer.json()["type"].split("/")[-1]) == (410, "import-expired")
    with psycopg.connect(settings.url("crm_platform")) as platform:
        platform.execute(
            "update org_imports set expires_at = now() - interval '31 days' where id = %s",
            [importing.id],
        )
    run_in(settings, expire_everywhere)
    run_jobs()
    assert [listed["id"] for listed in api.get("/imports").json()["items"]] == [kept.id]


def test_work_that_no_job_does_any_more_ends(
    own: TestTenant, begin: Begin, run_jobs: Callable[[], None]
) -> None:
    lost = begin(["Name", "Phone"], ["Amal", new_phone()])
    busy = begin(["Name", "Phone"], ["Said", new_phone()])
    settings = own.server.settings
    with psycopg.connect(settings.url("crm_platform")) as platform:
        platform.execute("update org_imports set status = 'running', phase = 'reading'")
        platform.execute(
            "update org_imports set updated_at = now() - interval '25 hours' where id = %s",
            [lost.id],
        )
    run_in(settings, expire_everywhere)
    run_jobs()
    assert (lost.state["status"], busy.state["status"]) == ("failed", "running")
    assert "again and again" in lost.state["failure"]


def run_in(settings: Settings, job: Callable[[Database], Awaitable[None]]) -> None:
    async def go() -> None:
        database = Database(settings, "crm_platform")
        try:
            await job(database)
        finally:
            await database.close()

    asyncio.run(go())


def test_a_store_that_hangs_holds_no_transaction_open(
    own: TestTenant, api: httpx.Client, begin: Begin, tmp_path: Path
) -> None:
    """What was written before the store was asked stays so when the store fails."""
    importing = begin(["Name", "Phone"], ["Amal", new_phone()])
    importing.run()
    for path in files_of(own):
        path.unlink()
    answer = api.get(f"/imports/{importing.id}/result")
    assert (answer.status_code, answer.json()["type"].split("/")[-1]) == (410, "file-gone")
    asked = api.get("/audit", params={"limit": 1}).json()["items"][0]
    assert asked["kind"] == "import.downloaded"
    settings = own.server.settings
    with psycopg.connect(settings.url("crm_platform")) as platform:
        platform.execute("update org_imports set expires_at = now() where id = %s", [importing.id])
    (tmp_path / "file").write_bytes(b"")
    broken = replace(settings, files_url=(tmp_path / "file" / "below").as_uri())

    async def expire_one() -> None:
        database = Database(broken)
        try:
            async with job_context(database, own.id, "imports.expire") as context:
                pass
            for _ in range(2):  # rows, then files
                await expire(context)
        finally:
            await database.close()

    with pytest.raises(FilesUnavailable):
        asyncio.run(expire_one())
    answer = api.get(f"/imports/{importing.id}/result")
    assert answer.json()["type"].split("/")[-1] == "import-expired"


def test_files_of_no_import_go_when_they_are_old(own: TestTenant, begin: Begin) -> None:
    begin(["Name", "Phone"], ["Amal", new_phone()]).run()
    kept = files_of(own)
    strays = [path.with_name(str(uuid4())) for path in kept]
    assert {path.parent.name for path in strays} == {"imports", "import_results"}
    for path in strays:
        path.write_bytes(b"text")
    for path in (*kept, *strays):
        os.utime(path, (time.time() - 90_000,) * 2)

    async def forget() -> None:
        platform = Database(own.server.settings, "crm_platform")
        try:
            await forget_files(platform)
        finally:
            await platform.close()

    asyncio.run(forget())
    assert set(files_of(own)) == set(kept)
