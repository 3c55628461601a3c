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
    tenant = tenant_id(0)
    ratios, ours, theirs = [], [], []
    with (
        psycopg.connect(bench.data.settings.url("crm_app"), autocommit=True) as held,
        bench.superuser() as free,
    ):
        copy_without_policies(free)
        for kind in KINDS:
            bench.say(f"what policies cost a search: {kind.name}")
            texts = asked(
                kind, bench.size.main, bench.size.questions // _QUESTIONS_SHARE, "policies"
            )
            with_policies, without = _compared(
                held, free, tenant, texts, repeated=bench.size.rounds
            )
            ours.append(with_policies)
            theirs.append(without)
            ratios.append((kind.name, with_policies / without))
        free.execute(f"drop schema {_PLAIN}, {_VIEWS} cascade".encode())
    worst = max(ratios, key=lambda ratio: ratio[1])
    return [
        Row(
            item="policies",
            title="search function: with policies against without, sums over all kinds",
            figures={
                "with policies": f"{sum(ours) * 1000 / len(ours):.2f} ms a search",
                "without": f"{sum(theirs) * 1000 / len(theirs):.2f} ms a search",
                "worst kind": f"{worst[0]}, {worst[1]:.2f}",
            },
            checks=[Check("ratio", sum(ours) / sum(theirs), _RATIO_MAX, at_least=False)],
        )
    ]


def _compared(
    held: psycopg.Connection,
    free: psycopg.Connection,
    tenant: object,
    texts: list[str],
    *,
    repeated: int,
) -> tuple[float, float]:
    """Seconds a search, with and without; each text in turn on both, the first time unmeasured."""
    times: tuple[list[float], list[float]] = ([], [])
    for text in texts:
        found: list[list[Any]] = [[], []]
        for turn in range(repeated + 1):
            for side, (connection, place) in enumerate(((held, ""), (free, f"{_PLAIN}."))):
                seconds, found[side] = _searched(connection, place, tenant, text)
                if turn > 0:
                    times[side].append(seconds)
        assert found[0] == found[1], f"{text!r} finds other customers without policies"
    return median(times[0]), median(times[1])


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
    assert path, f"{name} pins its search path"
    _, _, body = rest.partition("\n")
    head = head.replace(f"FUNCTION public.{name}(", f"FUNCTION {_PLAIN}.{name}(")
    head = head.replace("SECURITY DEFINER", "SECURITY INVOKER")
    return f"{head}SET search_path TO pg_catalog, {place}, public\n{body}"
