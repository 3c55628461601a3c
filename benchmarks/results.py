"""What a run found, as it is kept in latest.json."""

from datetime import datetime
from statistics import median

import msgspec

from benchmarks.machine import Machine


class Times(msgspec.Struct):
    """Of one kind of request, over all rounds."""

    answers: int
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: int


class Share(msgspec.Struct):
    """Of a floor: the median of the rounds, and the floor's own requests a second."""

    share: float
    lowest: float
    highest: float
    per_second: float


class Check(msgspec.Struct):
    what: str
    reached: float
    bound: float
    at_least: bool
    """Else at most."""
    unit: str = ""

    @property
    def holds(self) -> bool:
        return self.reached >= self.bound if self.at_least else self.reached <= self.bound


class Row(msgspec.Struct, kw_only=True):
    """One line of the table."""

    item: str
    title: str
    times: Times | None = None
    of_database: Share | None = None
    of_framework: Share | None = None
    application_cpu_ms: float | None = None
    postgres_cpu_ms: float | None = None
    figures: dict[str, str] = {}
    """What else was counted: name → value with its unit."""
    checks: list[Check] = []
    notes: list[str] = []


class Report(msgspec.Struct, kw_only=True):
    size: str
    command: str
    began_at: datetime
    seconds: float
    commit: str
    machine: Machine
    postgres: dict[str, str]
    settings: dict[str, str]
    data: dict[str, int]
    rows: list[Row]
    unmeasured: dict[str, str] = {}
    """Items that could not be measured, and why."""


def times_of(micros: list[int], *, seconds: float, errors: int) -> Times:
    ordered = sorted(micros) or [0]

    def percentile(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000

    return Times(
        answers=len(micros),
        per_second=len(micros) / seconds if seconds else 0.0,
        p50_ms=percentile(0.5),
        p95_ms=percentile(0.95),
        p99_ms=percentile(0.99),
        errors=errors,
    )


def share_of(mine: list[float], floor: list[float]) -> Share:
    """Round by round, since both had the same machine in each."""
    shares = [ours / theirs for ours, theirs in zip(mine, floor, strict=True)]
    return Share(median(shares), min(shares), max(shares), median(floor))
