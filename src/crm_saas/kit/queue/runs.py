"""What surrounds each run of a job: its trace, its measure, its name in every log line, and
whether it is tried again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from procrastinate import BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.jobs import Job as QueuedJob
from structlog.contextvars import bound_contextvars

from crm_saas.kit.jobs import JobRefused
from crm_saas.kit.telemetry import metrics, tracing

_FIRST_WAIT_SECONDS = 5
_LONGEST_WAIT_SECONDS = 3600


async def observe_run(
    call_next: Callable[[], Awaitable[Any]], context: JobContext, _worker: object
) -> Any:
    """A middleware of Procrastinate's worker."""
    job = context.job
    attributes = {"crm.job.id": job.id or 0, "crm.job.attempt": job.attempts + 1}
    started_at = time.perf_counter()
    outcome = "succeeded"
    with (
        bound_contextvars(job=job.task_name, job_id=job.id),
        tracing.job_span(job.task_name, attributes, job.task_kwargs.get(tracing.CARRIED)),
    ):
        try:
            return await call_next()
        except Exception as error:
            retry = context.task.get_retry_exception(exception=error, job=job)
            outcome = "retried" if retry else "parked"
            raise
        except BaseException:
            outcome = "cut off"
            raise
        finally:
            metrics.JOBS.labels(job.task_name, outcome).inc()
            metrics.JOB_SECONDS.labels(job.task_name).observe(time.perf_counter() - started_at)


class Backoff(BaseRetryStrategy):
    """Waits three times as long after each failure, and gives up after `retries` of them."""

    def __init__(self, retries: int) -> None:
        self.retries = retries

    def get_retry_decision(
        self, *, exception: BaseException, job: QueuedJob
    ) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            # The worker shuts down, which is no fault of the job's; the next one may start at once.
            return RetryDecision()
        if isinstance(exception, JobRefused) or job.attempts >= self.retries:
            return None
        wait_seconds = min(_FIRST_WAIT_SECONDS * 3**job.attempts, _LONGEST_WAIT_SECONDS)
        return RetryDecision(retry_in={"seconds": wait_seconds})
