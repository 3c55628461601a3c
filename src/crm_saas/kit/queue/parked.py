"""Jobs that failed for good: the operator's sight of them, and what becomes of them.

Works as `crm_worker`, the one role that reads the queue. Arguments hold ids, so they may be shown;
why a job failed is in the worker's log, under its number.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.errors import UniqueViolation
from psycopg.rows import DictRow, dict_row
from sqlalchemy.engine import make_url

from crm_saas.kit.errors import Conflict, NotFound
from crm_saas.kit.settings import Settings

LISTED_MAX = 1000

_PARKED = """
select
    j.id,
    j.task_name as name,
    j.args as arguments,
    j.attempts,
    (select max(e.at) from procrastinate_events e where e.job_id = j.id) as parked_at
from procrastinate_jobs j
where j.status = 'failed'
"""
_LIST = _PARKED + "order by j.id desc limit %s"
_ONE = _PARKED + "and j.id = %s\n"
_HISTORY = """
select e.type::text as what, e.at
from procrastinate_events e
where e.job_id = %s
order by e.id
"""
# All of its tries again: one that failed for good has none left.
_RETRY = "select procrastinate_retry_job_v2(%s, now(), null, null, null)"
_AFRESH = "update procrastinate_jobs set attempts = 0 where id = %s"
_REMOVE = "delete from procrastinate_jobs where id = %s and status = 'failed'"


class ParkedJob(msgspec.Struct, rename="camel"):
    id: int
    name: str
    arguments: dict[str, Any]
    attempts: int
    parked_at: datetime | None


class Happening(msgspec.Struct, rename="camel"):
    what: str
    at: datetime


class ParkedJobHistory(msgspec.Struct, rename="camel"):
    job: ParkedJob
    history: list[Happening]


async def list_parked(settings: Settings) -> list[ParkedJob]:
    """The newest first, LISTED_MAX at the most."""
    async with _queue(settings) as queue:
        found = await queue.execute(_LIST, [LISTED_MAX])
        return [ParkedJob(**row) for row in await found.fetchall()]


async def show_parked(settings: Settings, job_id: int) -> ParkedJobHistory:
    """Raises NotFound."""
    async with _queue(settings) as queue:
        job = await _access(queue, job_id)
        found = await queue.execute(_HISTORY, [job_id])
        return ParkedJobHistory(job, [Happening(**row) for row in await found.fetchall()])


async def retry_parked(settings: Settings, job_id: int) -> ParkedJob:
    """Puts it back into the queue, with all of its tries. Raises NotFound and Conflict."""
    async with _queue(settings) as queue:
        job = await _access(queue, job_id, lock=True)
        try:
            await queue.execute(_RETRY, [job_id])
        except UniqueViolation as error:
            raise Conflict(
                f"Another {job.name} waits in the queue, and one is enough. "
                f"Remove this one: crm-saas jobs remove {job_id}"
            ) from error
        await queue.execute(_AFRESH, [job_id])
        return job


async def remove_parked(settings: Settings, job_id: int) -> ParkedJob:
    """Raises NotFound."""
    async with _queue(settings) as queue:
        job = await _access(queue, job_id, lock=True)
        await queue.execute(_REMOVE, [job_id])
        return job


async def _access(
    queue: psycopg.AsyncConnection[DictRow], job_id: int, *, lock: bool = False
) -> ParkedJob:
    found = await queue.execute(_ONE + ("for update of j" if lock else ""), [job_id])
    row = await found.fetchone()
    if row is None:
        raise NotFound(f"No job {job_id} is parked. `crm-saas jobs list` shows those that are.")
    return ParkedJob(**row)


@asynccontextmanager
async def _queue(settings: Settings) -> AsyncIterator[psycopg.AsyncConnection[DictRow]]:
    """One transaction in the queue's schema."""
    url = make_url(settings.url("crm_worker")).set(drivername="postgresql")
    async with await psycopg.AsyncConnection.connect(
        url.render_as_string(hide_password=False),
        options="-c search_path=jobs,pg_temp",
        row_factory=dict_row,
    ) as connection:
        yield connection
