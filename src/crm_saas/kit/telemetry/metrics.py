"""What the processes count, for Prometheus.

Labels are route templates, methods, statuses and names from our own code: never a tenant, a path
or a value of anybody's, so that a scrape holds no personal data and its size is bounded.

`crm-saas serve` with several worker processes sets PROMETHEUS_MULTIPROC_DIR before they start:
each writes its numbers into files there, and whichever is asked adds them up.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
REGISTRY = CollectorRegistry()

disable_created_metrics()  # type: ignore[no-untyped-call]

REQUESTS = Counter(
    "crm_http_requests",
    "Requests answered.",
    ["route", "method", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "crm_http_request_duration_seconds",
    "From the request's arrival to the end of its answer.",
    ["route", "method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
REQUESTS_IN_FLIGHT = Gauge(
    "crm_http_requests_in_flight",
    "Requests that are being answered.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
REPLAYS = Counter(
    "crm_idempotent_replays",
    "Answers given again for an Idempotency-Key.",
    registry=REGISTRY,
)
POOL_SIZE = Gauge(
    "crm_db_pool_size",
    "Connections that a pool may hold.",
    ["role", "pool"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
POOL_IN_USE = Gauge(
    "crm_db_pool_in_use",
    "Connections that are lent out.",
    ["role", "pool"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
POOL_WAIT_SECONDS = Histogram(
    "crm_db_pool_wait_seconds",
    "Until a connection was had, made or not.",
    ["role", "pool"],
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 1, 3),
    registry=REGISTRY,
)
POOL_TIMEOUTS = Counter(
    "crm_db_pool_timeouts",
    "Waits for a connection that were given up.",
    ["role", "pool"],
    registry=REGISTRY,
)
DATABASE_UP = Gauge(
    "crm_database_up",
    "1 while the database answers.",
    registry=REGISTRY,
    multiprocess_mode="livemin",
)
JOBS = Counter(
    "crm_jobs",
    "Runs of jobs: succeeded, to be retried, parked, or cut off by a stop.",
    ["job", "outcome"],
    registry=REGISTRY,
)
JOB_SECONDS = Histogram(
    "crm_job_duration_seconds",
    "Runs of jobs.",
    ["job"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300),
    registry=REGISTRY,
)
JOBS_WAITING = Gauge(
    "crm_jobs_waiting",
    "Jobs that are due and have not begun.",
    ["queue"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
JOBS_WAITING_SECONDS = Gauge(
    "crm_jobs_oldest_waiting_seconds",
    "For how long the oldest of them has been due.",
    ["queue"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
JOBS_PARKED = Gauge(
    "crm_jobs_parked",
    "Jobs that failed for good and wait for somebody to look at them.",
    ["queue"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
OTP_SENDS = Counter(
    "crm_otp_sends",
    "One-time codes handed to the provider, by what it said.",
    ["channel", "outcome"],
    registry=REGISTRY,
)
OTP_BUDGETS = Counter(
    "crm_otp_budget_exhausted",
    "Sendings and guesses beyond a budget: somebody guesses, or sends for money (SPEC 3.4).",
    ["budget"],
    registry=REGISTRY,
)
BUILD = Gauge(
    "crm_build_info",
    "The version that runs.",
    ["version"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)


def exposition(accept: str) -> tuple[bytes, str]:
    """Everything counted, in the format that `accept` prefers, and its media type."""
    BUILD.labels(version("crm-saas")).set(1)
    encode, media_type = choose_encoder(accept)
    return encode(_whole()), media_type


def _whole() -> CollectorRegistry:
    folder = os.environ.get(FOLDER)
    if not folder:
        return REGISTRY
    forget_the_dead(Path(folder))
    together = CollectorRegistry()
    MultiProcessCollector(together, path=folder)  # type: ignore[no-untyped-call]
    return together


def forget_the_dead(folder: Path) -> None:
    """What a worker process that died held in flight is no more; what it counted stays."""
    for file in folder.glob("gauge_live*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not _lives(int(pid)):
            with suppress(FileNotFoundError):  # another scrape was first
                mark_process_dead(int(pid), str(folder))  # type: ignore[no-untyped-call]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # its number was given to somebody else's process
        return False
    return True


@contextmanager
def shared_by_processes() -> Iterator[None]:
    """A folder in which the processes that start meanwhile add up what they count."""
    with tempfile.TemporaryDirectory(prefix="crm-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]
