"""Work that is cut off, cancelled, or done by two at once."""

import asyncio
from collections.abc import Callable
from threading import Thread
from uuid import UUID

import httpx
import psycopg
import pytest

from crm_saas.imports import matching, rows_of_file, working
from crm_saas.kit.db import Database
from crm_saas.tenancy.registry import job_context
from factories.customers import create_stub, new_phone
from factories.imports import Importing, as_csv, upload
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant
from factories.waiting import until

Begin = Callable[..., Importing]
ROWS = 6


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "CHUNK_ROWS", 2)
    monkeypatch.setattr(rows_of_file, "CHUNK_ROWS", 2)


@pytest.fixture
def importing(begin: Begin) -> Importing:
    return begin(["Name", "Phone"], *(["Amal", new_phone()] for _ in range(ROWS)))


def turn_of(own: TestTenant, importing: Importing) -> int:
    with psycopg.connect(own.server.settings.url("crm_platform")) as platform:
        [[turn]] = platform.execute(
            "select turn from org_imports where tenant_org_id = %s and id = %s",
            [own.id, importing.id],
        ).fetchall()
    return int(turn)


def work_for(
    own: TestTenant,
    importing: Importing,
    seconds: float,
    *,
    turn: int | None = None,
    at_once: int = 1,
) -> None:
    """A slice of the job, as short as that; `at_once` such jobs."""
    turn = turn_of(own, importing) if turn is None else turn

    async def slice_of_work() -> None:
        database = Database(own.server.settings)
        try:
            async with job_context(database, own.id, "imports.work") as context:
                pass
            jobs = [working.work(context, UUID(importing.id), turn) for _ in range(at_once)]
            await asyncio.gather(*jobs)
        finally:
            await database.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(working, "SLICE_SECONDS", seconds)
        asyncio.run(slice_of_work())


def queued(own: TestTenant) -> list[tuple[int, str | None, str]]:
    """The turns of the jobs that wait or run, what they are locked by, and how they stand."""
    with psycopg.connect(own.server.settings.url("crm_worker")) as worker:
        return worker.execute(
            """
            select (args ->> 'turn')::integer, lock, status::text
            from jobs.procrastinate_jobs
            where task_name = 'imports.work' and args ->> 'tenant_id' = %s
            order by id
            """,
            [str(own.id)],
        ).fetchall()


def numbers(api: httpx.Client) -> list[str]:
    items = api.get("/customers", params={"sort": "customerNumber", "limit": 200}).json()["items"]
    return [customer["customerNumber"] for customer in items]


def test_slices_do_the_whole(own: TestTenant, importing: Importing) -> None:
    """However short they are, nobody comes twice and nobody is left out."""
    importing.start("run")
    for _ in range(200):
        if importing.state["status"] == "done":
            break
        work_for(own, importing, 0.02)
    assert importing.counts == {"created": ROWS}
    assert numbers(importing.api) == [f"CUST-{n:05d}" for n in range(1, ROWS + 1)]


def test_two_who_go_on_at_once_do_it_once(own: TestTenant, importing: Importing) -> None:
    """As when a worker that was thought dead was not."""
    importing.start("run")
    work_for(own, importing, 60, at_once=2)
    assert importing.state["status"] == "done"
    assert importing.counts == {"created": ROWS}
    assert len(numbers(importing.api)) == ROWS


def test_of_two_who_pass_it_on_one_does(own: TestTenant, importing: Importing) -> None:
    """Or there would be two jobs for ever after, with a copy of the file each."""
    importing.start("run")
    assert queued(own) == [(1, f"{own.id}:imports", "todo")]
    work_for(own, importing, 0, at_once=2)
    assert [turn for turn, *_ in queued(own)] == [1, 2]
    read = importing.state["progress"]["rowsRead"]
    work_for(own, importing, 60, turn=1)
    assert importing.state["progress"]["rowsRead"] == read < ROWS
    assert [turn for turn, *_ in queued(own)] == [1, 2]
    importing.run_jobs()
    assert importing.counts == {"created": ROWS}


def test_who_cancels_and_runs_again_has_one_job(own: TestTenant, importing: Importing) -> None:
    importing.start("run")
    assert importing.api.post(f"/imports/{importing.id}/cancel").status_code == 202
    work_for(own, importing, 60)
    assert importing.state["status"] == "cancelled"
    importing.start("run")
    for _ in range(2):  # the one that was cancelled, and the one that was to cancel it
        work_for(own, importing, 60, turn=1)
    assert importing.state["progress"]["rowsRead"] == 0
    importing.run_jobs()
    assert importing.counts == {"created": ROWS}


def test_of_a_tenants_imports_one_is_worked_on_at_a_time(
    own: TestTenant, import_server: Server, importing: Importing, begin: Begin
) -> None:
    """The others' go on beside it."""
    second = begin(["Name", "Phone"], ["Said", new_phone()])
    importing.start("run")
    second.start("run")
    with make_tenant(import_server) as other:
        api = other.client("owner")
        theirs = upload(api, as_csv([["Name", "Phone"], ["Huda", new_phone()]]))["id"]
        assert api.post(f"/imports/{theirs}/run", json={}).status_code == 202
        with psycopg.connect(own.server.settings.url("crm_platform")) as platform:
            platform.execute("select from org_imports where id = %s for update", [importing.id])
            working_on = Thread(target=importing.run_jobs, daemon=True)
            working_on.start()
            until(lambda: "doing" in [status for *_, status in queued(own)])
            importing.run_jobs()  # another worker
            assert api.get(f"/imports/{theirs}").json()["status"] == "done"
            assert [status for *_, status in queued(own)] == ["doing", "todo"]
        working_on.join()
    assert (importing.state["status"], second.state["status"]) == ("done", "done")


def test_a_process_works_on_two_at_once(
    own: TestTenant, importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third gives its place back at once, and comes again."""
    monkeypatch.setattr(working, "_running", working.AT_ONCE_MAX)
    importing.start("run")
    work_for(own, importing, 60)
    assert importing.state["progress"]["rowsRead"] == 0
    assert [turn for turn, *_ in queued(own)] == [1, 2]
    monkeypatch.setattr(working, "_running", working.AT_ONCE_MAX - 1)
    work_for(own, importing, 60)
    assert importing.state["status"] == "done"


def test_cancelled_in_the_middle_it_can_go_on_or_back(
    own: TestTenant, importing: Importing
) -> None:
    api = importing.api
    importing.start("run")
    while importing.state["progress"]["phase"] == "reading":
        work_for(own, importing, 0.02)
    work_for(own, importing, 0.001)
    done = importing.counts.get("created", 0)
    assert 0 < done < ROWS
    assert api.post(f"/imports/{importing.id}/cancel").status_code == 202
    importing.run_jobs()
    assert importing.state["status"] == "cancelled"
    assert len(numbers(api)) == done
    other = api.post(f"/imports/{importing.id}/run", json={"mode": "updateOnly"})
    assert other.status_code == 409
    assert importing.run()["status"] == "done"
    assert importing.counts == {"created": ROWS}
    importing.revert()
    assert numbers(api) == []


def test_what_nobody_works_on_can_be_cancelled(own: TestTenant, importing: Importing) -> None:
    """A job that was lost, and parked, leaves its import standing."""
    importing.start("dry-run")
    with psycopg.connect(own.server.settings.url("crm_worker")) as worker:
        worker.execute("set search_path to jobs")
        worker.execute("delete from procrastinate_jobs")
    assert importing.api.post(f"/imports/{importing.id}/cancel").status_code == 202
    importing.run_jobs()
    assert importing.state["status"] == "uploaded"
    assert importing.api.post(f"/imports/{importing.id}/cancel").status_code == 409
    assert importing.run()["status"] == "done"


def test_what_is_created_meanwhile_is_found(own: TestTenant, importing: Importing) -> None:
    """Between the dry run and the run, a till was quicker."""
    importing.dry_run()
    phone = importing.state["sample"][0][1]
    there = create_stub(importing.api, name="Amal", phone=phone)
    importing.run()
    assert importing.counts == {"created": ROWS - 1, "unchanged": 1}
    assert importing.rows("unchanged")[0]["customerNumber"] == there["customerNumber"]


def test_a_file_that_breaks_off_in_the_middle_fails_and_says_where(
    api: httpx.Client, run_jobs: Callable[[], None]
) -> None:
    lines = [f'"Amal","{new_phone()}"' for _ in range(6)]
    content = "\n".join(["Name,Phone", *lines, '"Said","92', ""]).encode()
    answer = api.post("/imports", content=content)
    importing = Importing(api, run_jobs, answer.json()["id"])
    state = importing.run()
    assert state["status"] == "failed"
    assert state["failure"].startswith("A quote in the record that begins on line 8 never closes")
    assert numbers(api) == []
