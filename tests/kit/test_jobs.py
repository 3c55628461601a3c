import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from crm_saas.kit.context import Actor, Context, Tenant
from crm_saas.kit.db import Database, Scope
from crm_saas.kit.jobs import Job, JobRefused, PeriodicJob, enqueue, enqueue_for_tenants
from crm_saas.kit.queue.schema import apply_jobs_schema
from crm_saas.kit.settings import Settings
from crm_saas.tenancy.registry import create_tenant
from crm_saas.worker import Queue, embedded_worker, open_queue

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def owner(settings: Settings) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    url = make_url(settings.database_url).set(drivername="postgresql")
    with psycopg.connect(
        url.render_as_string(hide_password=False),
        autocommit=True,
        row_factory=dict_row,
        options="-c search_path=jobs,pg_temp",
    ) as connection:
        yield connection


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    yield database
    await database.close()


@pytest.fixture
async def platform(settings: Settings) -> AsyncIterator[Database]:
    platform = Database(settings, "crm_platform")
    yield platform
    await platform.close()


@pytest.fixture
async def tenant_ids(platform: Database) -> list[UUID]:
    return [(await create_tenant(platform, slug=slug, name=slug)).id for slug in ("one", "two")]


@asynccontextmanager
async def request_of(database: Database, tenant_id: UUID) -> AsyncIterator[Context]:
    """What a request has when it enqueues."""
    tenant = Tenant(tenant_id, "shop", "Shop", None, "active", "OM", "en", "OMR", "UTC", {})
    async with database.transaction(Scope(tenant_id)) as session:
        yield Context(
            session=session,
            tenant=tenant,
            actor=Actor(kind="system", id=None, name="test", role="owner"),
            database=database,
            settings=database.settings,
            request_id="test",
        )


def queued(owner: psycopg.Connection[dict[str, Any]]) -> list[dict[str, Any]]:
    return owner.execute("select * from jobs.procrastinate_jobs order by id").fetchall()


def due_now(owner: psycopg.Connection[dict[str, Any]]) -> None:
    """Time passes: what waits for its retry is due."""
    owner.execute("update jobs.procrastinate_jobs set scheduled_at = now() where status = 'todo'")


class Greetings:
    """A job that notes what it was given, and under which tenant."""

    def __init__(self) -> None:
        self.seen: list[tuple[UUID, UUID, int]] = []

    async def run(self, context: Context, customer_id: UUID, times: int = 1) -> None:
        tenant_id = await context.session.scalar(text("select current_tenant()"))
        self.seen.append((tenant_id, customer_id, times))


class Failing:
    """A job that enqueues another, counts, and fails."""

    def __init__(self, error: Exception) -> None:
        self.tries = 0
        self.error = error

    async def run(self, context: Context) -> None:
        self.tries += 1
        await enqueue(context, "greetings.send", {"customer_id": context.tenant.id})
        raise self.error


async def test_a_job_commits_with_its_transaction_and_runs_as_its_tenant(
    settings: Settings, database: Database, tenant_ids: list[UUID]
) -> None:
    greetings = Greetings()
    for tenant_id in tenant_ids:
        async with request_of(database, tenant_id) as context:
            await enqueue(context, "greetings.send", {"customer_id": tenant_id, "times": 2})
    async with open_queue(settings, [Job(name="greetings.send", function=greetings.run)], []) as q:
        await q.run_pending()
        assert greetings.seen == [(tenant_id, tenant_id, 2) for tenant_id in tenant_ids]


async def test_a_job_rolls_back_with_its_transaction(
    database: Database, owner: psycopg.Connection[dict[str, Any]], tenant_ids: list[UUID]
) -> None:
    with pytest.raises(RuntimeError):
        async with request_of(database, tenant_ids[0]) as context:
            await enqueue(context, "greetings.send", {"customer_id": tenant_ids[0]})
            raise RuntimeError
    assert queued(owner) == []


async def test_what_a_job_carries(
    database: Database, owner: psycopg.Connection[dict[str, Any]], tenant_ids: list[UUID]
) -> None:
    async with request_of(database, tenant_ids[0]) as context:
        await enqueue(context, "greetings.send", {"times": 3}, delay_seconds=60, lock="letters")
    (job,) = queued(owner)
    assert job["args"] == {"tenant_id": str(tenant_ids[0]), "times": 3}
    assert job["queue_name"] == "greetings"
    assert job["lock"] == f"{tenant_ids[0]}:letters"
    assert job["scheduled_at"] is not None


@pytest.mark.parametrize(
    ("name", "arguments", "options", "state"),
    [
        ("greetings", {}, {}, "22023"),
        ("procrastinate.builtin_tasks.remove_old_jobs", {}, {}, "22023"),
        ("greetings.send", {"tenant_id": "another"}, {}, "22023"),
        ("greetings.send", {"letter": "x" * 5000}, {}, "54000"),
        ("greetings.send", {}, {"delay_seconds": -1}, "22023"),
        ("greetings.send", {}, {"priority": 101}, "22023"),
        ("greetings.send", {}, {"lock": "x" * 101}, "22023"),
    ],
)
async def test_what_is_refused(
    database: Database,
    owner: psycopg.Connection[dict[str, Any]],
    tenant_ids: list[UUID],
    name: str,
    arguments: dict[str, Any],
    options: dict[str, Any],
    state: str,
) -> None:
    with pytest.raises(DBAPIError) as refusal:
        async with request_of(database, tenant_ids[0]) as context:
            await enqueue(context, name, arguments, **options)
    assert refusal.value.orig.sqlstate == state  # type: ignore[union-attr]
    assert queued(owner) == []


@pytest.mark.parametrize(
    "statement",
    [
        "select * from jobs.procrastinate_jobs",
        "delete from jobs.procrastinate_jobs",
        "select jobs.procrastinate_fetch_job_v2(null, 1)",
        "select defer_tenant_jobs(array[:tenant], 'a.b', '{}', 0, 0, null)",
        "select enqueue_job(:other, 'a.b', '{}', 0, 0, null)",
        "select enqueue_job_for_tenants(array[:tenant], 'a.b', '{}', 0)",
    ],
)
async def test_the_application_may_only_enqueue_for_its_own_tenant(
    database: Database,
    owner: psycopg.Connection[dict[str, Any]],
    tenant_ids: list[UUID],
    statement: str,
) -> None:
    tenant, other = (f"'{tenant_id}'::uuid" for tenant_id in tenant_ids)
    with pytest.raises(DBAPIError) as refusal:
        async with request_of(database, tenant_ids[0]) as context:
            await context.session.execute(
                text(statement.replace(":tenant", tenant).replace(":other", other))
            )
    assert refusal.value.orig.sqlstate == "42501"  # type: ignore[union-attr]
    assert queued(owner) == []


async def test_the_worker_reads_the_queue_and_nothing_else(settings: Settings) -> None:
    async with open_queue(settings, [], []) as queue:
        connector: Any = queue.app.connector
        async with connector.pool.connection() as connection:
            rows = await connection.execute(
                """
                select n.nspname || '.' || c.relname
                from pg_class c
                join pg_namespace n on n.oid = c.relnamespace
                where c.relkind in ('r', 'p', 'v', 'm')
                    and n.nspname not in ('pg_catalog', 'information_schema')
                    and has_schema_privilege(n.oid, 'usage')
                    and has_table_privilege(c.oid, 'select, insert, update, delete')
                order by 1
                """
            )
            assert [name for (name,) in await rows.fetchall()] == [
                "jobs.procrastinate_events",
                "jobs.procrastinate_jobs",
                "jobs.procrastinate_periodic_defers",
                "jobs.procrastinate_workers",
            ]


async def test_a_failing_job_is_tried_again_then_parked_and_holds_up_nothing(
    settings: Settings,
    database: Database,
    owner: psycopg.Connection[dict[str, Any]],
    tenant_ids: list[UUID],
) -> None:
    failing, greetings = Failing(ValueError("no")), Greetings()
    async with request_of(database, tenant_ids[0]) as context:
        await enqueue(context, "greetings.fail", {})
        await enqueue(context, "greetings.send", {"customer_id": tenant_ids[0]})
    jobs = [
        Job(name="greetings.fail", function=failing.run, retries=2),
        Job(name="greetings.send", function=greetings.run),
    ]
    waits: list[float] = []
    async with open_queue(settings, jobs, []) as queue:
        for _ in range(3):
            with pytest.raises(ExceptionGroup) as failures:
                await queue.run_pending()
            assert failures.value.exceptions == (failing.error,)
            (job,) = queued(owner)
            if job["status"] == "todo":
                (wait,) = owner.execute(
                    "select extract(epoch from scheduled_at - now())::float as wait"
                    " from jobs.procrastinate_jobs"
                ).fetchall()
                waits.append(wait["wait"])
            due_now(owner)
        await queue.run_pending()
    assert (job["status"], job["attempts"], failing.tries) == ("failed", 3, 3)
    assert 4 < waits[0] <= 5
    assert 14 < waits[1] <= 15
    # The one that it enqueued in each try rolled back with the try.
    assert len(greetings.seen) == 1


@pytest.mark.parametrize("arguments", [{"customer_id": "nobody"}, {"stranger": 1}, {}])
async def test_arguments_that_cannot_fit_are_parked_at_once(
    settings: Settings,
    database: Database,
    owner: psycopg.Connection[dict[str, Any]],
    tenant_ids: list[UUID],
    arguments: dict[str, Any],
) -> None:
    greetings = Greetings()
    async with request_of(database, tenant_ids[0]) as context:
        await enqueue(context, "greetings.send", arguments)
    async with open_queue(settings, [Job(name="greetings.send", function=greetings.run)], []) as q:
        with pytest.raises(ExceptionGroup) as failures:
            await q.run_pending()
    assert isinstance(failures.value.exceptions[0], JobRefused)
    assert [job["status"] for job in queued(owner)] == ["failed"]
    assert greetings.seen == []


async def test_a_job_that_nobody_knows_is_parked_and_told(
    settings: Settings,
    database: Database,
    owner: psycopg.Connection[dict[str, Any]],
    tenant_ids: list[UUID],
) -> None:
    async with request_of(database, tenant_ids[0]) as context:
        await enqueue(context, "greetings.sned", {})
    async with open_queue(settings, [], []) as queue:
        with pytest.raises(ExceptionGroup, match="jobs failed"):
            await queue.run_pending()
    assert [job["status"] for job in queued(owner)] == ["failed"]


async def test_a_job_that_takes_too_long_is_cut_off(
    settings: Settings, database: Database, tenant_ids: list[UUID]
) -> None:
    async def hang(context: Context) -> None:
        await asyncio.Event().wait()

    async with request_of(database, tenant_ids[0]) as context:
        await enqueue(context, "greetings.hang", {})
    slow = Job(name="greetings.hang", function=hang, timeout_seconds=0.01)
    async with open_queue(settings, [slow], []) as queue:
        with pytest.raises(ExceptionGroup) as failures:
            await queue.run_pending()
    assert isinstance(failures.value.exceptions[0], TimeoutError)


@pytest.mark.parametrize("heartbeat", ["1 minute", "0"])
@pytest.mark.parametrize(("retries", "status"), [(1, "todo"), (0, "failed")])
async def test_what_a_worker_left_behind_is_put_back_or_parked(
    settings: Settings,
    database: Database,
    owner: psycopg.Connection[dict[str, Any]],
    tenant_ids: list[UUID],
    heartbeat: str,
    retries: int,
    status: str,
) -> None:
    """Its worker is dead, or lives and could not write the job's end an hour ago."""
    greetings = Greetings()
    async with request_of(database, tenant_ids[0]) as context:
        await enqueue(context, "greetings.send", {"customer_id": tenant_ids[0]})
    owner.execute(
        """
        with worker as (
            insert into procrastinate_workers (last_heartbeat)
            values (now() - %s::interval)
            returning id
        )
        update procrastinate_jobs
        set status = 'doing', worker_id = (select id from worker)
        """,
        [heartbeat],
    )
    if heartbeat == "0":
        owner.execute("update procrastinate_events set at = now() - interval '1 hour'")
    job = Job(name="greetings.send", function=greetings.run, retries=retries)
    async with open_queue(settings, [job], []) as queue:
        await queue.app.configure_task("jobs.rescue_stalled").defer_async(timestamp=0)
        await queue.run_pending()
        assert [job["status"] for job in queued(owner)] == [status]
        due_now(owner)
        await queue.run_pending()
    assert len(greetings.seen) == retries


async def test_a_periodic_job_enqueues_one_job_for_each_tenant_that_is_idle(
    settings: Settings,
    platform: Database,
    owner: psycopg.Connection[dict[str, Any]],
    tenant_ids: list[UUID],
) -> None:
    greetings, enqueued = Greetings(), []

    async def greet_all(platform: Database) -> None:
        async with platform.transaction(None) as session:
            arguments = {"customer_id": tenant_ids[0]}
            enqueued.append(
                await enqueue_for_tenants(session, tenant_ids, "greetings.send", arguments)
            )

    jobs = [Job(name="greetings.send", function=greetings.run)]
    periodic = PeriodicJob(name="greetings.all", cron="* * * * *", function=greet_all)
    await greet_all(platform)
    async with open_queue(settings, jobs, [periodic]) as queue:
        await queue.app.configure_task("greetings.all", priority=1).defer_async(timestamp=0)
        await queue.run_pending()
    assert enqueued == [2, 0]
    assert [tenant_id for tenant_id, _, _ in greetings.seen] == tenant_ids
    assert queued(owner) == []


async def test_a_tenant_cannot_start_a_periodic_job(
    settings: Settings, database: Database, tenant_ids: list[UUID]
) -> None:
    runs = []

    async def note(platform: Database) -> None:
        runs.append(platform)

    periodic = PeriodicJob(name="greetings.all", cron="* * * * *", function=note)
    async with request_of(database, tenant_ids[0]) as context:
        await enqueue(context, "greetings.all", {"timestamp": 0})
        await enqueue(context, "jobs.remove_parked", {"timestamp": 0})
    async with open_queue(settings, [], [periodic]) as queue:
        with pytest.raises(ExceptionGroup) as failures:
            await queue.run_pending()
    assert [type(error) for error in failures.value.exceptions] == [TypeError, TypeError]
    assert runs == []


async def test_a_waiting_worker_hears_of_a_job_at_the_commit(
    settings: Settings, database: Database, tenant_ids: list[UUID]
) -> None:
    greeted, ticked = asyncio.Event(), asyncio.Event()

    async def greet(context: Context) -> None:
        greeted.set()

    async def tick(platform: Database) -> None:
        ticked.set()

    jobs = [Job(name="greetings.send", function=greet)]
    periodic = [PeriodicJob(name="greetings.tick", cron="* * * * *", function=tick)]
    async with open_queue(settings, jobs, periodic) as queue, working(queue):
        async with asyncio.timeout(10):
            await ticked.wait()
        async with request_of(database, tenant_ids[0]) as context:
            await enqueue(context, "greetings.send", {})
        async with asyncio.timeout(5):
            await greeted.wait()


async def test_a_worker_that_is_stopped_finishes_its_job(
    settings: Settings,
    database: Database,
    owner: psycopg.Connection[dict[str, Any]],
    tenant_ids: list[UUID],
) -> None:
    started, may_end = asyncio.Event(), asyncio.Event()

    async def wait(context: Context) -> None:
        started.set()
        await may_end.wait()

    async with request_of(database, tenant_ids[0]) as context:
        await enqueue(context, "greetings.wait", {})
    waiting = Job(name="greetings.wait", function=wait)
    async with open_queue(settings, [waiting], []) as queue, working(queue):
        async with asyncio.timeout(10):
            await started.wait()
        asyncio.get_running_loop().call_later(0.05, may_end.set)
    assert queued(owner) == []
    assert owner.execute("select * from jobs.procrastinate_workers").fetchall() == []


@pytest.mark.parametrize("retries", [6, 0])  # on its last attempt too
async def test_a_job_that_a_stopping_worker_cuts_off_goes_back(
    settings: Settings,
    database: Database,
    owner: psycopg.Connection[dict[str, Any]],
    tenant_ids: list[UUID],
    monkeypatch: pytest.MonkeyPatch,
    retries: int,
) -> None:
    monkeypatch.setattr("crm_saas.worker._SHUTDOWN_SECONDS", 0)
    started = asyncio.Event()

    async def hang(context: Context) -> None:
        await enqueue(context, "greetings.send", {})
        started.set()
        await asyncio.Event().wait()

    async with request_of(database, tenant_ids[0]) as context:
        await enqueue(context, "greetings.hang", {})
    hanging = Job(name="greetings.hang", function=hang, retries=retries)
    async with open_queue(settings, [hanging], []) as queue, working(queue):
        async with asyncio.timeout(10):
            await started.wait()
    # Beside the queue's own periodic ones, which may wait when the worker stops.
    left = [job for job in queued(owner) if job["queue_name"] == "greetings"]
    assert [(job["task_name"], job["status"]) for job in left] == [("greetings.hang", "todo")]


async def test_a_worker_outlives_its_connections(
    settings: Settings,
    database: Database,
    owner: psycopg.Connection[dict[str, Any]],
    tenant_ids: list[UUID],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crm_saas.worker._RESTART_SECONDS", 0.01)
    monkeypatch.setattr("crm_saas.worker._POLL_SECONDS", 0.01)
    greeted: asyncio.Queue[None] = asyncio.Queue()

    async def greet(context: Context) -> None:
        greeted.put_nowait(None)

    async with (
        open_queue(settings, [Job(name="greetings.send", function=greet)], []) as queue,
        working(queue),
    ):
        for _ in range(2):
            async with request_of(database, tenant_ids[0]) as context:
                await enqueue(context, "greetings.send", {})
            async with asyncio.timeout(10):
                await greeted.get()
                while queued(owner):  # noqa: ASYNC110 - its end is written after it ran
                    await asyncio.sleep(0)
            connector: Any = queue.app.connector
            async with connector.pool.connection() as connection:
                await connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where usename = 'crm_worker' and datname = current_database()"
                    " and pid <> pg_backend_pid()"
                )


async def test_the_worker_runs_beside_the_api(settings: Settings) -> None:
    async with embedded_worker(settings):
        pass


@asynccontextmanager
async def working(queue: Queue) -> AsyncIterator[None]:
    worker = asyncio.create_task(queue.work())
    try:
        yield
    finally:
        worker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await worker


def test_the_schema_is_applied_once_and_upgraded_by_what_is_missing(
    settings: Settings, owner: psycopg.Connection[dict[str, Any]]
) -> None:
    newest = "03.03.00_01_pre_priority_lock_fetch_job.sql"
    url = make_url(settings.database_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        assert apply_jobs_schema(connection) == []
        # As if the release before had been installed.
        owner.execute("delete from jobs.applied_migrations where name = %s", [newest])
        owner.execute("drop function jobs.procrastinate_fetch_job_v2")
        assert apply_jobs_schema(connection) == [newest]
        assert apply_jobs_schema(connection) == []
    owner.execute("select 'jobs.procrastinate_fetch_job_v2'::regproc")
