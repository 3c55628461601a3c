"""Runs the jobs. The queue is read as crm_worker; a tenant's job runs as crm_app in one
transaction with the tenant set first, a periodic job as crm_platform.

Any number of workers may run side by side. Deploy them before the API: a worker parks a job
whose name it does not know.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from procrastinate import App, JobContext
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as QueuedJob
from procrastinate.jobs import Status
from structlog.contextvars import bound_contextvars

from crm_saas.kit.background import in_background
from crm_saas.kit.db import Database
from crm_saas.kit.draining import Drain
from crm_saas.kit.health import Readiness
from crm_saas.kit.jobs import Job, PeriodicJob
from crm_saas.kit.queue.connection import queue_connector
from crm_saas.kit.queue.runs import Backoff, observe_run
from crm_saas.kit.queue.watch import watching_queue
from crm_saas.kit.settings import Settings
from crm_saas.kit.telemetry import tracing
from crm_saas.kit.telemetry.listener import listening
from crm_saas.tenancy.registry import job_context
from crm_saas.wiring import JOBS, PERIODIC_JOBS

_log = logging.getLogger(__name__)

# A notification starts a new job at once; delayed and retried ones wait for the next poll.
_POLL_SECONDS = 2.0
_HEARTBEAT_SECONDS = 10.0
_STALLED_AFTER_SECONDS = 30.0
# Kubernetes kills 30 seconds after it asked.
_SHUTDOWN_SECONDS = 20.0
_RESTART_SECONDS = 2.0
_PARKED_KEPT_HOURS = 30 * 24

_LOST = """
select j.id
from procrastinate_jobs j
where j.status = 'doing'
    and not exists (
        select
        from procrastinate_events e
        where e.job_id = j.id
            and e.type = 'started'
            and e.at > now() - make_interval(secs => %(seconds)s)
    )
"""


async def serve(settings: Settings, *, host: str = "127.0.0.1") -> None:
    """The process `crm-saas worker`: runs jobs until SIGTERM or SIGINT."""
    database, drain = Database(settings), Drain()
    readiness = Readiness(database, drain)
    try:
        async with (
            listening(readiness, settings, host),
            readiness.watching(),
            open_queue(settings) as queue,
        ):
            worker = asyncio.create_task(queue.work())

            def stop() -> None:
                drain.begun = True
                worker.cancel()

            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop)
            with suppress(asyncio.CancelledError):
                await worker
    finally:
        await database.close()
        await asyncio.to_thread(tracing.flush)


@asynccontextmanager
async def embedded_worker(settings: Settings) -> AsyncIterator[None]:
    """A worker beside the API in one process, on connections of its own."""
    async with open_queue(settings) as queue, in_background(queue.work()):
        yield


@asynccontextmanager
async def open_queue(
    settings: Settings,
    jobs: Sequence[Job] = JOBS,
    periodic_jobs: Sequence[PeriodicJob] = PERIODIC_JOBS,
) -> AsyncIterator["Queue"]:
    """The queue with what it can run, connected."""
    database, platform = Database(settings), Database(settings, "crm_platform")
    app = App(connector=queue_connector(settings))
    for job in jobs:
        app.task(name=job.name, queue=_queue(job.name), retry=Backoff(job.retries))(
            _tenant_task(job, database)
        )
    for periodic in periodic_jobs:
        # The tick that waits in the queue keeps others out. No retries: putting a failed run
        # back beside it would break that.
        app.task(
            name=periodic.name,
            queue=_queue(periodic.name),
            lock=periodic.name,
            queueing_lock=periodic.name,
        )(_periodic_task(periodic, platform))
    crons = {periodic.name: periodic.cron for periodic in periodic_jobs}
    timeouts = [job.timeout_seconds for job in jobs] + [
        job.timeout_seconds for job in periodic_jobs
    ]
    crons |= _add_housekeeping(app, lost_after_seconds=2 * max(timeouts, default=0) + 60)
    try:
        async with app.open_async():
            yield Queue(app, crons, settings.pool_size)
    finally:
        await database.close()
        await platform.close()


@dataclass(frozen=True)
class Queue:
    app: App
    crons: dict[str, str]
    concurrency: int

    async def work(self) -> None:
        """Runs jobs as they come until it is cancelled, and waits for a database that is away.

        Cancelled, it lets running jobs finish for a while; what is cut off then goes back into
        the queue.
        """
        for name, cron in self.crons.items():
            self.app.periodic(cron=cron)(self.app.tasks[name])
        async with watching_queue(self.app):
            await self._work()

    async def _work(self) -> None:
        while True:
            try:
                await self.app.run_worker_async(
                    concurrency=self.concurrency,
                    fetch_job_polling_interval=_POLL_SECONDS,
                    update_heartbeat_interval=_HEARTBEAT_SECONDS,
                    stalled_worker_timeout=_STALLED_AFTER_SECONDS,
                    shutdown_graceful_timeout=_SHUTDOWN_SECONDS,
                    # What succeeded has left its trace in the data; the queue stays small.
                    delete_jobs="successful",
                    install_signal_handlers=False,
                    worker_middleware=[observe_run],
                )
            except ConnectorException as error:
                if _cancelled():
                    raise asyncio.CancelledError from error
                _log.exception("the job queue cannot be reached; trying again")
            await asyncio.sleep(_RESTART_SECONDS)

    async def run_pending(self) -> None:
        """Runs what is due, and what that enqueues, one after the other; then returns.

        Failures are put back or parked as ever, and raised together at the end.
        """
        failures: list[Exception] = []

        async def note_failure(
            call_next: Callable[[], Awaitable[Any]], _context: JobContext, _worker: object
        ) -> Any:
            try:
                return await call_next()
            except Exception as error:
                failures.append(error)
                raise

        await self.app.run_worker_async(
            wait=False,
            listen_notify=False,
            delete_jobs="successful",
            install_signal_handlers=False,
            worker_middleware=[note_failure, observe_run],
        )
        parked = await self.app.job_manager.list_jobs_async(status=Status.FAILED.value)
        unknown = {job.task_name for job in parked} - self.app.tasks.keys()
        failures += [LookupError(f"no job is named {name}") for name in sorted(unknown)]
        if failures:
            raise ExceptionGroup("jobs failed", failures)


def _tenant_task(job: Job, database: Database) -> Callable[..., Awaitable[None]]:
    async def run(*, tenant_id: str, **stored: Any) -> None:
        stored.pop(tracing.CARRIED, None)
        arguments = job.arguments(stored)
        async with AsyncExitStack() as transaction:
            context = await transaction.enter_async_context(
                job_context(database, UUID(tenant_id), job.name)
            )
            if job.own_transactions:
                await transaction.aclose()
            # The time limit begins once connected: whoever is cut off in the middle of connecting
            # leaves the connection open behind.
            async with asyncio.timeout(job.timeout_seconds):
                with bound_contextvars(tenant=context.tenant.slug):
                    await job.function(context, **arguments)

    return run


def _periodic_task(job: PeriodicJob, platform: Database) -> Callable[..., Awaitable[None]]:
    # Takes the schedule's timestamp and nothing else: a tenant who enqueued it by name would fail.
    async def run(*, timestamp: int) -> None:  # noqa: ARG001
        async with asyncio.timeout(job.timeout_seconds):
            await job.function(platform)

    return run


def _add_housekeeping(app: App, *, lost_after_seconds: float) -> dict[str, str]:
    """The queue's own periodic jobs, with their schedule."""
    manager = app.job_manager

    # Without a lock: a rescue that died with its worker would keep all later ones out.
    @app.task(
        name="jobs.rescue_stalled",
        queue="jobs",
        queueing_lock="jobs.rescue_stalled",
        priority=100,
    )
    async def rescue_stalled(*, timestamp: int) -> None:  # noqa: ARG001
        """Puts back, or parks, what a worker left behind that no longer shows a heartbeat.

        And what runs for longer than any job may: its end could not be written, because the
        connection broke just then, and its worker lives on.
        """
        stalled = {
            job.id: job
            for job in await manager.get_stalled_jobs(
                seconds_since_heartbeat=_STALLED_AFTER_SECONDS
            )
        }
        lost = await manager.connector.execute_query_all_async(_LOST, seconds=lost_after_seconds)
        for row in lost:
            stalled |= {job.id: job for job in await manager.list_jobs_async(id=row["id"])}
        for job in stalled.values():
            await _rescue(app, job)

    @app.task(name="jobs.remove_parked", queue="jobs", queueing_lock="jobs.remove_parked")
    async def remove_parked(*, timestamp: int) -> None:  # noqa: ARG001
        await manager.delete_old_jobs(
            nb_hours=_PARKED_KEPT_HOURS,
            include_failed=True,
            include_cancelled=True,
            include_aborted=True,
        )

    return {"jobs.rescue_stalled": "* * * * *", "jobs.remove_parked": "17 * * * *"}


async def _rescue(app: App, stalled: QueuedJob) -> None:
    task = app.tasks.get(stalled.task_name)
    again = task.get_retry_exception(TimeoutError(), stalled) if task else None
    try:
        if again:
            await app.job_manager.retry_job(stalled, retry_at=again.retry_decision.retry_at)
        else:
            await app.job_manager.finish_job(stalled, Status.FAILED, delete_job=False)
    except ConnectorException:
        _log.warning("job %s ended by itself before its rescue", stalled.id)
    else:
        _log.warning("job %s (%s) was stalled", stalled.id, stalled.task_name)


def _cancelled() -> bool:
    """Whether this task was told to end, also when saying good-bye to the queue failed then."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _queue(name: str) -> str:
    """The slice's name, as in sql/functions/defer_tenant_jobs.sql."""
    return name.partition(".")[0]
