"""Exports made beside requests: whole or not at all, bounded, cancelled, expired."""

import asyncio
import csv
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from crm_saas.customers.filters import CustomerFilter
from crm_saas.exports import service
from crm_saas.exports.tasks import ATTEMPTS_MAX, make_export
from crm_saas.kit.db import Database
from crm_saas.kit.files import FilesUnavailable
from crm_saas.kit.settings import Settings
from crm_saas.tenancy.registry import job_context
from crm_saas.worker import open_queue
from exports.making import Json, Shop, files_of
from factories.customers import create_guest, create_stub
from factories.database import rows
from factories.processes import Child, outside_environment, wait_for


def ids_of(content: str) -> list[str]:
    return [row["id"] for row in csv.DictReader(io.StringIO(content))]


@contextmanager
def no_customers_to_see(owner: psycopg.Connection) -> Iterator[None]:
    """Whoever reads them waits."""
    with owner.transaction():
        owner.execute("lock table org_customers_mst in access exclusive mode")
        yield


def attempt(settings: Settings, shop: Shop, export: Json) -> None:
    async def work() -> None:
        database = Database(settings)
        try:
            async with job_context(database, shop.tenant.id, "exports.make") as context:
                await make_export(context, UUID(export["id"]))
        finally:
            await database.close()

    asyncio.run(work())


def test_an_export_is_made_beside_the_request(own_shop: Shop) -> None:
    shop = own_shop
    stubs = [create_stub(shop.client, notes="=1")["id"] for _ in range(3)]
    create_guest(shop.client)
    requested = shop.request("csv", profileStatus="stub")
    assert (requested["status"], requested["link"]) == ("waiting", None)
    assert requested["rows"] == {"done": 0, "estimated": None}
    assert requested["filter"] == {"profileStatus": "stub"}
    path = f"/exports/{requested['id']}"
    assert shop.client.get(f"{path}/file").status_code == 409
    shop.run_jobs()
    ready = shop.look(requested)
    assert (ready["status"], ready["failure"]) == ("ready", None)
    assert ready["rows"] == {"done": 3, "estimated": 3}
    whole = shop.client.get(f"{path}/file")
    assert ids_of(whole.text) == stubs
    assert int(whole.headers["Content-Length"]) == ready["fileBytes"] == len(whole.content)
    assert whole.text == shop.client.get("/customers/export?profileStatus=stub").text
    linked = shop.download(ready["link"])
    assert linked.content == whole.content
    assert linked.headers["Content-Disposition"].startswith("attachment; filename=")
    assert shop.kinds() == [
        "export.requested", "export.begun", "export.ready", "export.downloaded",
        "export.downloaded",
    ]  # fmt: skip
    event = shop.client.get("/audit?limit=1").json()["items"][0]
    assert (event["after"]["link"], event["subjectId"]) == (True, requested["id"])
    listed = shop.client.get("/exports").json()["items"]
    assert [item["id"] for item in listed] == [requested["id"]]


@pytest.mark.parametrize("file_format", ["jsonl", "xlsx", "pdf"])
def test_every_format_can_be_made_so(shop: Shop, file_format: str) -> None:
    create_stub(shop.client)
    ready = shop.made(file_format)
    answer = shop.client.get(f"/exports/{ready['id']}/file")
    assert answer.status_code == 200
    assert answer.content[:2] == {"jsonl": b'{"', "xlsx": b"PK", "pdf": b"%P"}[file_format]
    assert ready["rows"]["done"] == 1


def test_what_a_killed_worker_left_is_made_again(
    own_shop: Shop, settings: Settings, owner_connection: psycopg.Connection, tmp_path: Path
) -> None:
    shop = own_shop
    stubs = [create_stub(shop.client)["id"] for _ in range(3)]
    requested = shop.request()
    worker = Child(
        "worker",
        environment=outside_environment(
            DATABASE_URL=settings.database_url, CRM_FILES_URL=settings.files_url
        ),
        log=tmp_path / "log",
    )
    try:
        with no_customers_to_see(owner_connection):
            worker.start()
            wait_for("the job", lambda: shop.look(requested)["status"] == "running", seconds_max=60)
            worker.kill()
    finally:
        worker.end()
    assert shop.client.get(f"/exports/{requested['id']}/file").status_code == 409
    assert files_of(shop.tenant) == []
    asyncio.run(rescue(settings))
    shop.run_jobs()
    ready = shop.look(requested)
    assert (ready["status"], ready["rows"]["done"]) == ("ready", 3)
    assert ids_of(shop.download(ready["link"]).text) == stubs
    assert shop.kinds().count("export.begun") == 2
    assert shop.kinds().count("export.ready") == 1


async def rescue(settings: Settings) -> None:
    """What a running worker does once the dead one's heartbeat is old enough, at once."""
    with psycopg.connect(settings.url("crm_worker"), autocommit=True) as queue:
        queue.execute(
            "update jobs.procrastinate_workers set last_heartbeat = now() - interval '1 hour'"
        )
    async with open_queue(settings) as running:
        await running.app.tasks["jobs.rescue_stalled"](timestamp=0)
    with psycopg.connect(settings.url("crm_worker"), autocommit=True) as queue:
        queue.execute("set search_path = jobs")
        queue.execute("update procrastinate_jobs set scheduled_at = now()")


def test_a_worker_that_was_thought_dead_spares_what_another_made(
    own_shop: Shop, settings: Settings, owner_connection: psycopg.Connection
) -> None:
    shop = own_shop
    create_stub(shop.client)
    requested = shop.request()

    def attempts() -> int:
        [(count,)] = rows(
            settings, "select attempts from org_exports where id = %s", requested["id"]
        )
        return int(count)

    with ThreadPoolExecutor(2) as workers:
        with no_customers_to_see(owner_connection):
            both = []
            for count in (1, 2):
                both.append(workers.submit(attempt, settings, shop, requested))
                wait_for("the attempt", lambda n=count: attempts() == n, seconds_max=20)
        for each in both:
            each.result(30)
    ready = shop.look(requested)
    assert ready["status"] == "ready"
    assert shop.download(ready["link"]).status_code == 200
    assert len(files_of(shop.tenant)) == 1
    assert shop.kinds().count("export.ready") == 1


def test_one_that_waits_is_cancelled(shop: Shop) -> None:
    create_guest(shop.client)
    requested = shop.request()
    path = f"/exports/{requested['id']}/cancel"
    assert shop.client.post(path).json()["status"] == "cancelled"
    assert shop.client.post(path).json()["type"].endswith("/export-ended")
    shop.run_jobs()
    assert shop.look(requested)["status"] == "cancelled"
    assert shop.kinds() == ["export.requested", "export.cancelled"]


def test_one_that_runs_is_cancelled(own_shop: Shop, owner_connection: psycopg.Connection) -> None:
    shop = own_shop
    create_guest(shop.client)
    requested = shop.request()
    running = threading.Thread(target=shop.run_jobs)
    with no_customers_to_see(owner_connection):
        running.start()
        wait_for("the job", lambda: shop.look(requested)["status"] == "running", seconds_max=30)
        assert shop.client.post(f"/exports/{requested['id']}/cancel").status_code == 200
    running.join(30)
    assert shop.look(requested)["status"] == "cancelled"
    assert shop.client.get(f"/exports/{requested['id']}/file").status_code == 409
    assert files_of(shop.tenant) == []


def test_a_tenant_may_wait_for_so_many(shop: Shop) -> None:
    waiting = [shop.request() for _ in range(service.UNFINISHED_MAX)]
    refused = shop.client.post("/exports", json={"format": "csv"})
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (
        409, "too-many-exports"
    )  # fmt: skip
    shop.client.post(f"/exports/{waiting[0]['id']}/cancel")
    assert shop.request()["status"] == "waiting"


def test_who_asks_at_the_same_moment_is_counted_too(shop: Shop) -> None:
    """What another transaction has asked for and not committed cannot be seen, only waited for."""
    settings = shop.tenant.server.settings

    async def ask(database: Database, times: int) -> None:
        async with job_context(database, shop.tenant.id, "test") as context:
            for _ in range(times):
                await service.request_export(context, file_format="csv", wanted=CustomerFilter())

    async def ask_at_once() -> list[BaseException | None]:
        database = Database(settings)
        try:
            return await asyncio.gather(
                *(ask(database, service.UNFINISHED_MAX) for _ in range(2)), return_exceptions=True
            )
        finally:
            await database.close()

    outcomes = asyncio.run(ask_at_once())
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "TooManyExports"]
    assert len(shop.client.get("/exports").json()["items"]) == service.UNFINISHED_MAX


def test_what_is_asked_for_is_checked_at_once(shop: Shop) -> None:
    for body, field in (
        ({"format": "exe"}, "format"),
        ({"filter": {"phone": "nonsense"}}, "filter.phone"),
        ({"filter": {"status": "away"}}, "filter.status"),
        ({"filter": {"nobody": 1}}, "filter.nobody"),
        ({"filter": {"createdFrom": "yesterday"}}, "filter.createdFrom"),
    ):
        answer = shop.client.post("/exports", json=body)
        assert answer.status_code == 422, body
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert shop.client.get("/exports").json()["items"] == []


def test_what_grew_too_long_for_paper_fails_with_a_reason(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_guest(shop.client)
    requested = shop.request("pdf")
    monkeypatch.setattr(service, "PAPER_ROWS_MAX", 0)
    shop.run_jobs()
    failed = shop.look(requested)
    assert failed["status"] == "failed" and "CSV" in failed["failure"]


def test_one_whose_starter_lost_the_right_fails_with_a_reason(shop: Shop) -> None:
    create_guest(shop.client)
    owner = shop.tenant.client("owner")
    made = owner.post("/keys", json={"name": "leaver", "role": "manager"}).json()
    with shop.tenant.server.client(made["key"]) as leaver:
        requested = leaver.post("/exports", json={"format": "csv"}).json()
    assert owner.delete(f"/keys/{made['id']}").is_success
    shop.run_jobs()
    failed = shop.look(requested)
    assert (failed["status"], failed["link"]) == ("failed", None)
    assert "may not see as much" in failed["failure"]
    assert files_of(shop.tenant) == []
    assert shop.kinds() == ["export.requested", "export.failed"]


def test_a_store_that_fails_is_tried_again_and_then_given_up(shop: Shop, tmp_path: Path) -> None:
    create_guest(shop.client)
    requested = shop.request()
    (tmp_path / "file").write_bytes(b"")
    settings = shop.tenant.server.settings
    broken = replace(settings, files_url=(tmp_path / "file" / "below").as_uri())
    for _ in range(ATTEMPTS_MAX):
        with pytest.raises(FilesUnavailable):
            attempt(broken, shop, requested)
        assert shop.look(requested)["status"] == "running"
    attempt(broken, shop, requested)
    assert shop.look(requested)["status"] == "failed"
