"""Product and floors, round by round, on the same database."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from statistics import median

import psycopg

from benchmarks import load
from benchmarks.dataset.building import DataSet, Say
from benchmarks.floors import database
from benchmarks.load import Outcome, Plan, Request
from benchmarks.machine import cpu_seconds
from benchmarks.processes import Served
from benchmarks.results import Check, Row, Share, share_of, times_of
from benchmarks.sizes import Size

SETTLED_SECONDS_MAX = 120
_POLL_SECONDS = 0.2
_WAITING_JOBS = """
select count(*)
from jobs.procrastinate_jobs
where status in ('todo', 'doing')
    and coalesce(scheduled_at, now()) <= now()
    and args ? 'tenant_id'
"""


@dataclass(frozen=True)
class Bench:
    """Everything that an item is measured with."""

    data: DataSet
    product: Served
    framework: Served
    say: Say
    numbers: Iterator[int] = field(default_factory=count)
    """Each is taken once: of phones and keys that nobody has yet."""

    @property
    def size(self) -> Size:
        return self.data.size

    @contextmanager
    def superuser(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.data.superuser_url, autocommit=True) as connection:
            yield connection

    def drive(
        self, served: Served, requests: list[Request], *, connections: int, again: bool
    ) -> Outcome:
        return load.run(
            Plan(
                port=served.port,
                connections=connections,
                seconds=self.size.seconds,
                warm_up_seconds=self.size.warm_up_seconds,
                requests=requests,
                again=again,
            )
        )

    def settle(self) -> int:
        """Waits until no job waits, and returns how many still do at the end of its patience."""
        deadline = time.monotonic() + SETTLED_SECONDS_MAX
        with self.superuser() as connection:
            while True:
                found = connection.execute(_WAITING_JOBS).fetchone()
                waiting = found[0] if found else 0
                if not waiting or time.monotonic() > deadline:
                    return int(waiting)
                time.sleep(_POLL_SECONDS)


@dataclass(frozen=True)
class Work:
    """The same work, asked of all three."""

    item: str
    title: str
    connections: int
    product: Callable[[], list[Request]]
    framework: Callable[[], list[Request]]
    scripts: list[tuple[str, int]]
    again: bool
    """Whether a request may be sent twice."""
    database_at_least: float | None = None
    framework_at_least: float | None = None


@dataclass
class _Tally:
    """Of all rounds, one contestant."""

    outcomes: list[Outcome] = field(default_factory=list)
    application: list[float] = field(default_factory=list)
    postgres: list[float] = field(default_factory=list)
    """CPU milliseconds a request."""

    @property
    def rates(self) -> list[float]:
        return [
            sum(map(len, outcome.micros.values())) / max(outcome.seconds, 1e-9)
            for outcome in self.outcomes
        ]


def contest(bench: Bench, work: Work) -> Row:
    ours, framework, databases = _Tally(), _Tally(), _Tally()
    database_rates: list[float] = []
    errors = left = 0
    for turn in range(bench.size.rounds):
        bench.say(f"{work.title}: round {turn + 1} of {bench.size.rounds}")
        with _cpu_of(bench, bench.product, ours):
            ours.outcomes.append(_driven(bench, bench.product, work.product(), work))
            left += bench.settle()
        with _cpu_of(bench, bench.framework, framework):
            framework.outcomes.append(_driven(bench, bench.framework, work.framework(), work))
        ran = _pgbench(bench, work, databases)
        database_rates.append(ran.per_second)
        errors += ran.errors
    row = _row(work, ours)
    row.of_framework = share_of(ours.rates, framework.rates)
    row.of_database = share_of(ours.rates, database_rates)
    row.checks = _checks(work, row.of_database, row.of_framework)
    row.figures = {
        "F, CPU of the application": f"{median(framework.application):.3f} ms",
        "F, CPU of PostgreSQL": f"{median(framework.postgres):.3f} ms",
        "D, CPU of PostgreSQL": f"{median(databases.postgres):.3f} ms",
        "CPU of the load generator": f"{_load_cpu(ours):.3f} ms",
    }
    for name, failed in (("F", _errors(framework)), ("D", errors)):
        if failed:
            row.notes.append(f"{name} had {failed} errors: its figures do not count.")
    if left:
        row.notes.append(f"{left} jobs still waited after {SETTLED_SECONDS_MAX} s.")
    return row


def _driven(bench: Bench, served: Served, requests: list[Request], work: Work) -> Outcome:
    return bench.drive(served, requests, connections=work.connections, again=work.again)


@contextmanager
def _cpu_of(bench: Bench, served: Served, tally: _Tally) -> Iterator[None]:
    """A request's share of what the block takes; with it, the jobs that it has caused."""
    before = cpu_seconds(served.pids), cpu_seconds([bench.data.postgres_pid])
    yield
    sent = max(1, tally.outcomes[-1].sent)
    tally.application.append((cpu_seconds(served.pids) - before[0]) * 1000 / sent)
    postgres = cpu_seconds([bench.data.postgres_pid]) - before[1]
    tally.postgres.append(postgres * 1000 / sent)


def _pgbench(bench: Bench, work: Work, tally: _Tally) -> database.Ran:
    before = cpu_seconds([bench.data.postgres_pid])
    ran = database.run(
        bench.data.superuser_url,
        work.scripts,
        connections=work.connections,
        seconds=bench.size.seconds,
        warm_up_seconds=bench.size.warm_up_seconds,
    )
    spent = cpu_seconds([bench.data.postgres_pid]) - before
    tally.postgres.append(spent * 1000 / max(1, ran.transactions))
    return ran


def _row(work: Work, ours: _Tally) -> Row:
    errors = _errors(ours)
    seconds = sum(outcome.seconds for outcome in ours.outcomes)
    row = Row(
        item=work.item,
        title=work.title,
        times=times_of(load.merged(ours.outcomes), seconds=seconds, errors=errors),
        application_cpu_ms=median(ours.application),
        postgres_cpu_ms=median(ours.postgres),
    )
    row.notes = list({note for outcome in ours.outcomes if (note := outcome.example)})[:1]
    return row


def _errors(tally: _Tally) -> int:
    return sum(sum(outcome.errors.values()) for outcome in tally.outcomes)


def _load_cpu(tally: _Tally) -> float:
    sent = sum(outcome.sent for outcome in tally.outcomes)
    return sum(outcome.cpu_seconds for outcome in tally.outcomes) * 1000 / max(1, sent)


def _checks(work: Work, of_database: Share, of_framework: Share) -> list[Check]:
    bounds = (
        ("of D", of_database, work.database_at_least),
        ("of F", of_framework, work.framework_at_least),
    )
    return [
        Check(what, share.share, bound, at_least=True)
        for what, share, bound in bounds
        if bound is not None
    ]
