"""What changed waits to be compared, is never lost, and holds nobody up (SPEC 5.1)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest

from crm_saas.customers.comparing import note, read_noted, remove_noted
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.settings import Settings
from crm_saas.tenancy.registry import job_context
from factories.comparing import run_jobs_and_compare
from factories.customers import create_guest, create_stub
from factories.database import as_role, rows
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant


@pytest.fixture
def tenant(fresh_server: Server) -> Iterator[TestTenant]:
    with make_tenant(fresh_server) as made:
        yield made


@pytest.fixture
def api(tenant: TestTenant) -> httpx.Client:
    return tenant.client()


def waiting(settings: Settings) -> set[str]:
    return {str(i) for (i,) in rows(settings, "select id from org_customers_to_compare")}


def queued(settings: Settings) -> list[str]:
    with as_role(settings, "crm_worker") as connection:
        found = connection.execute("select task_name from jobs.procrastinate_jobs").fetchall()
    return [name for (name,) in found]


def test_a_creation_leaves_a_row_and_no_job(api: httpx.Client, settings: Settings) -> None:
    one = create_stub(api)
    create_guest(api)
    assert waiting(settings) == {one["id"]}
    assert queued(settings) == []
    run_jobs_and_compare(settings)
    assert waiting(settings) == set()


def test_only_changes_of_what_is_compared_wait(api: httpx.Client, settings: Settings) -> None:
    one = create_stub(api)
    run_jobs_and_compare(settings)
    api.patch(f"/customers/{one['id']}", json={"notes": "likes tea"})
    assert waiting(settings) == set()
    api.patch(f"/customers/{one['id']}", json={"name2": "أمل"})
    assert waiting(settings) == {one["id"]}


def test_what_changes_while_it_is_compared_is_compared_again(
    api: httpx.Client, tenant: TestTenant, settings: Settings
) -> None:
    one, two = create_stub(api), create_stub(api)

    async def compare_meanwhile(change: Callable[[], object]) -> None:
        async with job_of(settings, tenant) as context:
            noted = await read_noted(context, 10)
            await asyncio.to_thread(change)  # it is not held up by what the job has read
            await remove_noted(context, noted)

    def rename() -> None:
        answer = api.patch(f"/customers/{one['id']}", json={"name": "Amal Said"})
        assert answer.status_code == 200

    asyncio.run(compare_meanwhile(rename))
    assert waiting(settings) == {one["id"]}
    assert two["id"] not in waiting(settings)


def test_a_row_that_is_being_written_is_left_and_not_waited_for(
    api: httpx.Client, tenant: TestTenant, settings: Settings
) -> None:
    one = create_stub(api)

    async def remove_while_it_is_written() -> None:
        async with job_of(settings, tenant) as writer, job_of(settings, tenant) as job:
            noted = await read_noted(job, 10)
            await note(writer, [UUID(one["id"])])
            async with asyncio.timeout(20):
                await remove_noted(job, noted)

    asyncio.run(remove_while_it_is_written())
    assert waiting(settings) == {one["id"]}


def test_a_crash_leaves_them_waiting(
    api: httpx.Client, tenant: TestTenant, settings: Settings
) -> None:
    one = create_stub(api)

    async def crash() -> None:
        async with job_of(settings, tenant) as context:
            await remove_noted(context, await read_noted(context, 10))
            raise ConnectionError

    with pytest.raises(ConnectionError):
        asyncio.run(crash())
    assert waiting(settings) == {one["id"]}


@asynccontextmanager
async def job_of(settings: Settings, tenant: TestTenant) -> AsyncIterator[Context]:
    database = Database(settings)
    try:
        async with job_context(database, tenant.id, "merges.compare") as context:
            yield context
    finally:
        await database.close()
