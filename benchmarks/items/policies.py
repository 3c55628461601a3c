"""What row-level security costs a search: the same functions, once as crm_app in a request's scope,
once as copies that no policy holds for.

The copies read through a view with the words of the search role's policy as its condition: what the
policy adds to the query is there, and only that it is a policy is not.
"""

import time
from statistics import median
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.contest import Bench
from benchmarks.dataset.people import tenant_id
from benchmarks.items.questions import KINDS, asked
from benchmarks.results import Check, Row

_RATIO_MAX = 1.2
_QUESTIONS_SHARE = 4
_PLAIN, _VIEWS = "bench_plain", "bench_views"
_SEARCH = "select customer_id from {}search_customers(%s, %s, 100)"

_FUNCTIONS = r"""
select p.oid, p.proname, p.prosecdef, pg_get_functiondef(p.oid)
from pg_proc p
where p.pronamespace = 'public'::regnamespace and p.proname like 'search\_%'
"""
_CONDITIONS = """
select string_agg(format('(%s)', pg_get_expr(p.polqual, p.polrelid)), ' or ')
from pg_policy p
where p.polrelid = 'org_customers_mst'::regclass
    and 'crm_search'::regrole = any (p.polroles)
"""


def measure(bench: Bench) -> list[Row]:
    kinds: dict[str, tuple[float, float]] = {}
    with (
        psycopg.connect(bench.data.settings.url("crm_app"), autocommit=True) as held,
        bench.superuser() as free,
        bench.superuser() as free_generic,
    ):
        copy_without_policies(free)
        # The planner may choose worse where it may choose more: the better of both counts.
        free_generic.execute("set plan_cache_mode = force_generic_plan")
        for kind in KINDS:
            bench.say(f"what policies cost a search: {kind.name}")
            texts = asked(
                kind, bench.size.main, bench.size.questions // _QUESTIONS_SHARE, "policies"
            )
            times = _compared((held, free, free_generic), texts, repeated=bench.size.rounds)
            kinds[kind.name] = times[0], min(times[1:])
        free.execute(f"drop schema {_PLAIN}, {_VIEWS} cascade".encode())
    return [_row(kinds)]


def _row(kinds: dict[str, tuple[float, float]]) -> Row:
    ratios = {name: ours / theirs for name, (ours, theirs) in kinds.items()}
    whole = [sum(side) * 1000 / len(kinds) for side in zip(*kinds.values(), strict=True)]
    return Row(
        item="policies",
        title="search function, with policies against without",
        figures={
            "with": f"{whole[0]:.2f} ms a search",
            "without": f"{whole[1]:.2f} ms",
            "by kind": ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()),
        },
        checks=[
            Check("all searches", whole[0] / whole[1], _RATIO_MAX, at_least=False),
            Check("median kind", median(ratios.values()), _RATIO_MAX, at_least=False),
        ],
    )


def _compared(
    connections: tuple[psycopg.Connection, ...], texts: list[str], *, repeated: int
) -> list[float]:
    """Seconds a search on each, the first with policies; all in turn, the first time unmeasured."""
    times: list[list[float]] = [[] for _ in connections]
    for text in texts:
        found: list[list[Any]] = [[] for _ in connections]
        for turn in range(repeated + 1):
            for side, connection in enumerate(connections):
                place = f"{_PLAIN}." if side else ""
                seconds, found[side] = _searched(connection, place, tenant_id(0), text)
                if turn > 0:
                    times[side].append(seconds)
        assert all(ids == found[0] for ids in found), f"{text!r} finds others without policies"
    return [median(of_side) for of_side in times]


def _searched(
    connection: psycopg.Connection, place: str, tenant: object, text: str
) -> tuple[float, list[Any]]:
    with connection.transaction():
        connection.execute("select set_request_scope(%s, 'all', null, '{}')", [tenant])
        began = time.perf_counter()
        found = connection.execute(_SEARCH.format(place).encode(), [tenant, text]).fetchall()
        return time.perf_counter() - began, found


def copy_without_policies(connection: psycopg.Connection) -> None:
    """As the superuser, whom policies do not hold for."""
    with connection.transaction():
        connection.execute(f"drop schema if exists {_PLAIN}, {_VIEWS} cascade".encode())
        for schema in (_PLAIN, _VIEWS):
            connection.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
        found = connection.execute(_CONDITIONS.encode()).fetchone()
        assert found and found[0], "crm_search has a policy"
        connection.execute(
            f"create view {_VIEWS}.org_customers_mst as "
            f"select * from public.org_customers_mst where {found[0]}".encode()
        )
        connection.execute("set local check_function_bodies = off")
        functions = connection.execute(_FUNCTIONS.encode()).fetchall()
        for _, name, is_definer, definition in functions:
            connection.execute(_copied(name, definition, is_definer=is_definer).encode())


def _copied(name: str, definition: str, *, is_definer: bool) -> str:
    """Those that work as the search role read the view; all call one another's copies."""
    assert f"FUNCTION public.{name}(" in definition
    place = f"{_VIEWS}, {_PLAIN}" if is_definer else _PLAIN
    head, path, rest = definition.partition("SET search_path TO ")
    if not path:  # it looks at its arguments alone
        return definition.replace(f"FUNCTION public.{name}(", f"FUNCTION {_PLAIN}.{name}(")
    _, _, body = rest.partition("\n")
    head = head.replace(f"FUNCTION public.{name}(", f"FUNCTION {_PLAIN}.{name}(")
    head = head.replace("SECURITY DEFINER", "SECURITY INVOKER")
    return f"{head}SET search_path TO pg_catalog, {place}, public\n{body}"
