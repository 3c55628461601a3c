"""Every committed event is sealed once, whoever writes and seals meanwhile."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from assurance import Reached
from crm_saas import operator
from crm_saas.audit import sealing
from crm_saas.audit.chain import LOOK_BACK
from crm_saas.audit.sealing import BrokenChain, seal_events
from crm_saas.audit.tasks import seal_everywhere
from crm_saas.doctor.sealing import find_unsealed
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.db import Database
from crm_saas.kit.events import record
from crm_saas.kit.settings import Settings
from crm_saas.tenancy.registry import operator_context
from crm_saas.wiring import JOBS, PERIODIC_JOBS
from factories.database import as_role, rows
from factories.trails import job, make_trail, record_events, record_some, report, seal
from sizes import sized

WRITERS = sized(short=6, long=30)
EVENTS_EACH = sized(short=10, long=60)


def count(settings: Settings, table: str, tenant_id: UUID) -> int:
    [(found,)] = rows(settings, f"select count(*) from {table} where tenant_org_id = %s", tenant_id)
    return int(found)


def test_writers_and_two_sealers_at_once(settings: Settings, reached: Reached) -> None:
    shop = make_trail(settings, "shop", events=1)

    async def write(writer: int) -> None:
        async with operator.platform(settings) as platform:
            for _ in range(EVENTS_EACH):
                async with operator_context(platform, slug="shop") as context:
                    await record_some(context, 1 + writer % 3)

    async def keep_sealing(until: asyncio.Event) -> None:
        while not until.is_set():
            await seal(settings, shop)

    async def everybody() -> None:
        done = asyncio.Event()
        sealers = [asyncio.create_task(keep_sealing(done)) for _ in range(2)]
        await asyncio.gather(*(write(number) for number in range(WRITERS)))
        done.set()
        await asyncio.gather(*sealers)
        await seal(settings, shop)

    asyncio.run(everybody())
    events = count(settings, "org_events", shop)
    assert events > WRITERS * EVENTS_EACH
    found = report(settings, shop)
    assert (found.sealed, found.waiting, found.faults) == (events, 0, [])
    reached("events sealed while others were written", events)


def test_an_event_that_commits_after_younger_ones_is_sealed_too(settings: Settings) -> None:
    shop = make_trail(settings, "shop", events=1)

    async def overtaken() -> None:
        async with operator.within(settings, "shop") as context:
            await record(context, "team.created", subject=("org_teams", uuid4()))
            await record_events(settings, "shop", 2)
            await seal(settings, shop)
            assert count(settings, "org_audit_seals", shop) == 4
        assert report(settings, shop).waiting == 1
        await seal(settings, shop)

    asyncio.run(overtaken())
    found = report(settings, shop)
    assert (found.sealed, found.waiting, found.faults) == (5, 0, [])


def test_the_look_back_outlasts_every_job(settings: Settings) -> None:
    """Of those that record within one transaction of their own length."""
    in_short_ones = {job.name for job in JOBS if job.own_transactions} | {"exports.make"}
    lengths = [j.timeout_seconds for j in (*JOBS, *PERIODIC_JOBS) if j.name not in in_short_ones]
    assert timedelta(seconds=max(lengths)) < LOOK_BACK


def test_a_long_backlog_is_sealed_in_several_jobs(
    settings: Settings, run_jobs: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH_EVENTS", 3)
    monkeypatch.setattr(sealing, "BATCHES_MAX", 2)
    shop = make_trail(settings, "shop", events=20, hours_ago=24)
    tick(settings)
    run_jobs()
    found = report(settings, shop)
    assert (found.sealed, found.waiting, found.faults) == (21, 0, [])


def tick(settings: Settings) -> None:
    async def once() -> None:
        platform = Database(settings, "crm_platform")
        await seal_everywhere(platform)
        await platform.close()

    asyncio.run(once())


def test_the_tick_leaves_out_who_has_nothing_to_seal(
    settings: Settings, run_jobs: Callable[[], None]
) -> None:
    idle = make_trail(settings, "idle", events=3, hours_ago=24)
    busy = make_trail(settings, "busy", events=3)
    tick(settings)
    run_jobs()
    waiting = (
        "select args->>'tenant_id' from jobs.procrastinate_jobs"
        " where status = 'todo' and task_name = 'audit.seal'"
    )
    tick(settings)
    assert owned(settings, waiting) == []
    asyncio.run(record_events(settings, "busy", 1))
    tick(settings)
    assert owned(settings, waiting) == [(str(busy),)]
    assert count(settings, "org_audit_seals", idle) == 4


def owned(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    url = settings.owner_url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_a_sealing_that_dies_leaves_nothing_and_the_next_one_goes_on(settings: Settings) -> None:
    shop = make_trail(settings, "shop", events=5)

    async def killed() -> None:
        async with job(settings, shop) as context:
            await seal_events(context)
            pid = await context.session.scalar(text("select pg_backend_pid()"))
            with as_role(settings, "crm_app") as other:
                other.execute("select pg_terminate_backend(%s)", [pid])

    with pytest.raises(Exception, match=r"terminat|closed"):
        asyncio.run(killed())
    assert count(settings, "org_audit_seals", shop) == 0
    asyncio.run(seal(settings, shop))
    found = report(settings, shop)
    assert (found.sealed, found.faults) == (6, [])


@pytest.mark.parametrize(
    "tampering",
    [
        "delete from org_audit_seals where position = 3",
        "update org_audit_heads set position = 2",
        "update org_audit_heads set mac = '\\x00'",
        "update org_audit_heads set key_version = 9",
        "update org_audit_heads set sealed_through = sealed_through - interval '1 day'",
        "delete from org_audit_heads",
    ],
)
def test_a_broken_chain_is_not_made_sound_by_sealing_on(settings: Settings, tampering: str) -> None:
    shop = make_trail(settings, "shop", events=2)
    asyncio.run(seal(settings, shop))
    with as_role(settings) as platform:
        platform.execute(tampering.encode())
    asyncio.run(record_events(settings, "shop", 1))
    with pytest.raises(BrokenChain):
        asyncio.run(seal(settings, shop))
    assert report(settings, shop).faults != []


def test_a_broken_chain_parks_no_job_at_every_tick(
    settings: Settings, run_jobs: Callable[[], None]
) -> None:
    shop = make_trail(settings, "shop", events=2)
    asyncio.run(seal(settings, shop))
    asyncio.run(record_events(settings, "shop", 1))
    with as_role(settings) as platform:
        platform.execute("update org_audit_heads set position = position - 1")
    jobs = (
        "select status::text, count(*) from jobs.procrastinate_jobs"
        " where task_name = 'audit.seal' group by 1 order by 1"
    )
    tick(settings)
    with pytest.raises(ExceptionGroup, match="jobs failed"):
        run_jobs()
    for _ in range(2):
        tick(settings)
    assert owned(settings, jobs) == [("failed", 1)]
    with as_role(settings, "crm_worker") as queue:
        queue.execute("update jobs.procrastinate_events set at = at - interval '11 minutes'")
    tick(settings)
    assert owned(settings, jobs) == [("failed", 1), ("todo", 1)]


def test_an_event_slipped_in_with_an_old_date_is_told_from_a_recent_one(
    settings: Settings,
) -> None:
    shop = make_trail(settings, "shop", events=4, hours_ago=24)
    asyncio.run(seal(settings, shop))
    asyncio.run(record_events(settings, "shop", 1))
    assert (report(settings, shop).waiting, report(settings, shop).faults) == (1, [])
    with as_role(settings) as platform:
        platform.execute(
            """
            insert into org_events
            select tenant_org_id, gen_random_uuid(), kind, version, subject_table, subject_id,
                customer_id, actor_kind, actor_id, actor_name, actor_role, request_id, address,
                before, after, rows, salt, commitment, created_at
            from org_events
            where created_at < now() - interval '1 hour'
            limit 1
            """
        )
    asyncio.run(seal(settings, shop))
    [fault] = report(settings, shop).faults
    assert "was not there when its time was sealed" in fault.what


def test_a_clock_that_was_set_back_leaves_nobody_unsealed(settings: Settings) -> None:
    """As if the last sealing had run an hour later than it is."""
    shop = make_trail(settings, "shop", events=1)
    asyncio.run(seal(settings, shop))

    async def from_the_future() -> None:
        async with job(settings, shop) as context:
            ring = KeyRing.from_settings(settings)
            head = await sealing._locked_head(context, ring)
            head.sealed_through = datetime.now(UTC) + timedelta(hours=1)
            head.mac = sealing._mac(ring, head)

    asyncio.run(from_the_future())
    asyncio.run(record_events(settings, "shop", 2))
    assert (report(settings, shop).waiting, report(settings, shop).faults) == (2, [])
    asyncio.run(seal(settings, shop))
    found = report(settings, shop)
    assert (found.sealed, found.faults) == (4, [])


def test_the_doctor_finds_a_sealing_that_does_not_keep_up(settings: Settings) -> None:
    make_trail(settings, "shop", events=2)
    late = make_trail(settings, "late", events=2, hours_ago=2)

    def found() -> list[str]:
        with as_role(settings) as platform:
            return list(find_unsealed(platform))

    [fault] = found()
    assert fault.startswith("The trail of late has events older than 5 minutes")
    asyncio.run(seal(settings, late))
    assert found() == []
