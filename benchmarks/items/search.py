"""The search box, fourteen kinds of questions in turn, on two connections."""

from itertools import chain
from urllib.parse import quote

from benchmarks import load
from benchmarks.contest import Bench
from benchmarks.items.questions import AIM_MS, ANY_MS_MAX, KINDS, TILL_MS_MAX, asked
from benchmarks.load import Outcome, Plan, Request, get, merged
from benchmarks.machine import cpu_seconds
from benchmarks.results import Check, Row, times_of

_CONNECTIONS = 2
_LIMIT = 20
_WARM_SECONDS_MAX = 120


def measure(bench: Bench) -> list[Row]:
    outcomes = []
    roots = (*bench.product.pids, bench.data.postgres_pid)
    application, postgres = 0.0, 0.0
    _warm(bench)
    for turn in range(1, bench.size.rounds + 1):
        bench.say(f"search: round {turn} of {bench.size.rounds}")
        before = [cpu_seconds([pid]) for pid in roots]
        outcome = bench.drive(
            bench.product, _requests(bench, turn), connections=_CONNECTIONS, again=True
        )
        spent = [cpu_seconds([pid]) - was for pid, was in zip(roots, before, strict=True)]
        outcomes.append(outcome)
        application, postgres = application + sum(spent[:-1]), postgres + spent[-1]
    mix = _mix(outcomes)
    sent = max(1, sum(outcome.sent for outcome in outcomes))
    mix.application_cpu_ms, mix.postgres_cpu_ms = (s * 1000 / sent for s in (application, postgres))
    return [mix, *_by_kind(outcomes)]


def _warm(bench: Bench) -> None:
    """Everything once, so that what is read lies in memory: it is a fraction of the data set."""
    bench.say("search: warming up")
    turns = range(1, bench.size.rounds + 1)
    load.run(
        Plan(
            port=bench.product.port,
            connections=_CONNECTIONS,
            seconds=_WARM_SECONDS_MAX,
            warm_up_seconds=0,
            requests=[request for turn in turns for request in _requests(bench, turn)],
            again=False,
        )
    )


def _requests(bench: Bench, turn: int) -> list[Request]:
    key = bench.data.keys[0]["owner"]
    by_kind = (
        [
            get(f"/api/v1/customers?search={quote(text)}&limit={_LIMIT}", key, kind.name)
            for text in asked(kind, bench.size.main, bench.size.questions, str(turn))
        ]
        for kind in KINDS
    )
    return list(chain.from_iterable(zip(*by_kind, strict=True)))


def _mix(outcomes: list[Outcome]) -> Row:
    seconds = sum(outcome.seconds for outcome in outcomes)
    errors = sum(sum(outcome.errors.values()) for outcome in outcomes)
    return Row(
        item="search",
        title=f"search, {len(KINDS)} kinds in turn, {_CONNECTIONS} connections",
        times=times_of(merged(outcomes), seconds=seconds, errors=errors),
        notes=[outcome.example for outcome in outcomes if outcome.example][:1],
    )


def _by_kind(outcomes: list[Outcome]) -> list[Row]:
    seconds = sum(outcome.seconds for outcome in outcomes)
    rows = []
    for kind in KINDS:
        micros = [time for outcome in outcomes for time in outcome.micros.get(kind.name, [])]
        times = times_of(micros, seconds=seconds, errors=0)
        most = TILL_MS_MAX if kind.at_till else ANY_MS_MAX
        row = Row(
            item="search",
            title=f"search: {kind.name}",
            times=times,
            checks=[Check("p95", times.p95_ms, most, at_least=False, unit="ms")],
        )
        if not kind.at_till:
            row.figures = {"the aim": f"p95 under {AIM_MS} ms"}
        rows.append(row)
    return rows
