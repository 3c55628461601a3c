"""How long the queue is, measured by every worker; so any one of them can tell."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from procrastinate import App
from procrastinate.exceptions import ConnectorException

from crm_saas.kit.background import in_background
from crm_saas.kit.telemetry import metrics

log = logging.getLogger(__name__)

MEASURE_SECONDS = 15

# Retries wait for their time, which says nothing of whether workers keep up. Numbers rise with
# time, so that only the first job of each queue is looked up among the events.
_MEASURE = """
select
    q.queue_name,
    q.waiting,
    q.parked,
    coalesce(
        extract(
            epoch from now() - least(
                q.first_scheduled_at,
                (select min(e.at) from procrastinate_events e where e.job_id = q.first_id)
            )
        ),
        0
    )::float as oldest_seconds
from (
    select
        j.queue_name,
        count(*) filter (where j.status = 'todo' and coalesce(j.scheduled_at, now()) <= now())
            as waiting,
        count(*) filter (where j.status = 'failed') as parked,
        min(j.scheduled_at) filter (where j.status = 'todo' and j.scheduled_at <= now())
            as first_scheduled_at,
        min(j.id) filter (where j.status = 'todo' and j.scheduled_at is null) as first_id
    from procrastinate_jobs j
    where j.status in ('todo', 'failed')
    group by j.queue_name
) as q
"""


@asynccontextmanager
async def watching_queue(app: App) -> AsyncIterator[None]:
    """Keeps the metrics of the queue fresh while the block runs."""
    async with in_background(_watch(app)):
        yield


async def _watch(app: App) -> None:
    while True:
        try:
            await measure_queue(app)
        except ConnectorException as error:
            log.warning("the job queue could not be measured: %s", type(error).__name__)
        await asyncio.sleep(MEASURE_SECONDS)


async def measure_queue(app: App) -> None:
    rows = await app.connector.execute_query_all_async(_MEASURE)
    found = {row["queue_name"]: row for row in rows}
    # Queues that became empty have no row; what nobody here knows is counted together.
    known = {task.queue for task in app.tasks.values()}
    for queue in known:
        row = found.pop(queue, {})
        _set(queue, row.get("waiting", 0), row.get("oldest_seconds", 0), row.get("parked", 0))
    rest = list(found.values())
    _set(
        "unknown",
        sum(row["waiting"] for row in rest),
        max((row["oldest_seconds"] for row in rest), default=0),
        sum(row["parked"] for row in rest),
    )


def _set(queue: str, waiting: int, oldest_seconds: float, parked: int) -> None:
    metrics.JOBS_WAITING.labels(queue).set(waiting)
    metrics.JOBS_WAITING_SECONDS.labels(queue).set(max(oldest_seconds, 0))
    metrics.JOBS_PARKED.labels(queue).set(parked)
