"""All of a tenant's customers are compared, once, whatever happens to the worker."""

import asyncio

import httpx
import psycopg
import pytest

from crm_saas.kit.db import Database
from crm_saas.kit.settings import Settings
from crm_saas.merges import sweeping, tasks
from crm_saas.merges.sweeps import JOB
from crm_saas.tenancy.registry import job_context
from factories.customers import create_stub
from factories.database import as_role, rows
from factories.sweeps import (
    RunJobs,
    forget_changes,
    make_pairs,
    read_sweep,
    start_sweep,
    suggested,
    take_step,
)
from factories.tenants import TestTenant


def test_one_at_a_time_and_then_another(api: httpx.Client, run_jobs: RunJobs) -> None:
    create_stub(api)
    sweep = start_sweep(api)
    refused = api.post("/duplicates/sweeps")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (
        409,
        "sweep-running",
    )
    run_jobs()
    assert read_sweep(api, sweep)["status"] == "done"
    start_sweep(api)


def test_cancelled_it_stops_and_keeps_what_it_found(
    api: httpx.Client, tenant: TestTenant, settings: Settings, run_jobs: RunJobs
) -> None:
    make_pairs(api)
    forget_changes(settings)
    sweep = start_sweep(api)
    for _ in range(3):
        asyncio.run(take_step(settings, tenant))
    part = read_sweep(api, sweep)
    assert 0 < part["progress"] < 1
    for _ in range(2):
        answer = api.post(f"/duplicates/sweeps/{sweep['id']}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    run_jobs()
    after = read_sweep(api, sweep)
    assert after == part | {"status": "cancelled", "endedAt": after["endedAt"]}
    done = start_sweep(api)
    run_jobs()
    over = api.post(f"/duplicates/sweeps/{done['id']}/cancel")
    assert (over.status_code, over.json()["type"].rpartition("/")[2]) == (409, "sweep-over")


def test_cancelled_in_the_middle_of_a_step_nothing_more_is_written(
    api: httpx.Client, tenant: TestTenant, settings: Settings
) -> None:
    make_pairs(api)
    forget_changes(settings)
    sweep = start_sweep(api)

    async def cancel_while_stepping() -> None:
        database = Database(settings)
        async with job_context(database, tenant.id, JOB) as context:
            running = await tasks.find_running(context)
            assert running is not None
            await asyncio.to_thread(api.post, f"/duplicates/sweeps/{sweep['id']}/cancel")
            with pytest.raises(sweeping.SweepEnded):
                await sweeping.take_step(context, running)
        await database.close()

    asyncio.run(take_step(settings, tenant))
    asyncio.run(cancel_while_stepping())
    assert suggested(api) == []


def test_a_step_that_died_is_done_again_to_the_same_end(
    api: httpx.Client, tenant: TestTenant, settings: Settings, run_jobs: RunJobs
) -> None:
    """After its suggestions were written, before the step counted as done."""
    pairs = make_pairs(api)
    forget_changes(settings)
    sweep = start_sweep(api)
    for _ in range(4):
        asyncio.run(take_step(settings, tenant))
    with as_role(settings) as connection:
        connection.execute("update org_duplicate_sweeps set step = step - 3")
    run_jobs()
    assert read_sweep(api, sweep)["status"] == "done"
    assert sorted(map(sorted, suggested(api))) == sorted(map(sorted, pairs))


def test_a_lost_job_is_found_again(
    api: httpx.Client, settings: Settings, owner_connection: psycopg.Connection, run_jobs: RunJobs
) -> None:
    create_stub(api)
    sweep = start_sweep(api)
    owner_connection.execute("truncate jobs.procrastinate_jobs cascade")
    run_jobs()
    assert read_sweep(api, sweep)["status"] == "done"


def test_after_an_import_a_sweep_is_done_instead(
    api: httpx.Client,
    settings: Settings,
    run_jobs: RunJobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "SWEPT_INSTEAD", 2)
    pairs = make_pairs(api)
    run_jobs()
    assert api.get("/duplicates/sweeps").json()["items"] == []  # more of them may come
    with as_role(settings) as connection:
        connection.execute(
            "update org_customers_to_compare set noted_at = now() - interval '5 min'"
        )
    run_jobs()
    (sweep,) = api.get("/duplicates/sweeps").json()["items"]
    assert (sweep["status"], sweep["startedByName"]) == ("done", "merges.compare")
    assert len(suggested(api)) == len(pairs)
    assert rows(settings, "select id from org_customers_to_compare") == []


def test_a_till_that_never_rests_puts_the_sweep_off_for_a_while(
    api: httpx.Client,
    settings: Settings,
    run_jobs: RunJobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "_SWEPT_FROM", 2)
    pairs = make_pairs(api)
    age = (
        "update org_customers_to_compare set noted_at = now() - cast(%s as interval)"
        " where id = any(%s)"
    )
    for waited, sweeps in (("14 min", 0), ("16 min", 1)):
        with as_role(settings) as connection:
            connection.execute(age, [waited, [a for a, _ in pairs]])
        create_stub(api)
        run_jobs()
        assert len(api.get("/duplicates/sweeps").json()["items"]) == sweeps
    found = suggested(api)
    assert all(pair in found for pair in pairs)
