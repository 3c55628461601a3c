"""Pages of a queue as long as a sweep may leave it, for who sees all, some and none of it."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import psycopg
import pytest

from crm_saas import operator
from crm_saas.kit.context import Actor
from crm_saas.kit.settings import Settings
from crm_saas.merges import suggestions
from crm_saas.merges.suggestions import LOOKED_AT_MAX, Asked, count_suggestions, list_suggestions
from factories.crowds import MEMBER, RARE, TEAM, crowd
from factories.customers import create_stub
from factories.database import as_role, new_database
from factories.plans import explain, working
from factories.servers import Server
from factories.settings import roomy_settings
from factories.tenants import TestTenant, make_tenant
from sizes import sized

CUSTOMERS = 4000
OPEN = sized(short=20_000, long=200_000)
PAGE = 50
# A suggestion and its two customers, by their indexes, and now and then one who was merged.
BUFFERS_EACH = 12
STRANGERS = UUID("019a9f00-0000-7000-8000-0000000000c1")

_PAIRS = """
insert into org_customer_duplicates
    (tenant_org_id, id, customer_a, customer_b, score, evidence, ground)
select
    %(tenant)s, gen_random_uuid(), least(a.id, b.id), greatest(a.id, b.id),
    0.5 + (n.n * 7919 %% 997) / 2000.0,
    case when n.n %% 100 = 0 then '[{"kind": "email"}]' else '[{"kind": "name"}]' end::jsonb,
    case when n.n %% 100 = 0 then 'email' else 'name' end
from generate_series(1, %(open)s) as n
join org_customers_mst a
    on a.tenant_org_id = %(tenant)s
    and a.customer_seq = 1 + n.n %% %(customers)s
join org_customers_mst b
    on b.tenant_org_id = %(tenant)s
    and b.customer_seq = 1 + (n.n %% %(customers)s + 1 + n.n / %(customers)s) %% %(customers)s
"""

ALL = Actor(kind="key", id=None, name="", role="owner")
FEW = {
    "team": Actor(kind="staff", id=None, name="", role="", staff_scope="team", team_ids=(TEAM,)),
    "own": Actor(kind="staff", id=None, name="", role="", staff_scope="own", member_id=MEMBER),
}
NOBODY = Actor(kind="staff", id=None, name="", role="", staff_scope="team", team_ids=(STRANGERS,))


class Long(NamedTuple):
    settings: Settings
    tenant_id: UUID


@pytest.fixture(scope="module")
def queue(owner_url: str, template_database: str) -> Iterator[Long]:
    """Twelve of the customers are of a team, and its one member's."""
    with new_database(owner_url, "queue", template_database) as url:
        settings = roomy_settings(url)
        made = asyncio.run(operator.create_tenant(settings, slug="long", name="Long"))
        numbers = {"tenant": made.id, "open": OPEN, "customers": CUSTOMERS}
        with psycopg.connect(url, autocommit=True) as owner:
            crowd(owner, settings, made.id, count=CUSTOMERS, chosen=RARE)
            owner.execute("alter table org_customer_duplicates disable trigger user")
            with as_role(settings) as platform:
                platform.execute(_PAIRS, numbers)
            owner.execute("analyze")
        yield Long(settings, made.id)


ASKED = [
    Asked(),
    Asked(min_score=0.9),
    Asked(evidence="name"),
    Asked(evidence="email"),
    Asked(min_score=0.6, evidence="email"),
    Asked(evidence="address"),
]


@pytest.mark.parametrize("kept", ["custom", "generic"])
@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_page_of_a_long_queue_reads_its_rows(queue: Long, asked: Asked, kept: str) -> None:
    async def run() -> None:
        async with working(queue.settings, queue.tenant_id, ALL) as context:
            looked_at = suggestions.looked_at(context, asked)
            middle = suggestions.after(looked_at, (asked.min_score or 0.5) + 0.09, UUID(int=0))
            for query in (looked_at, middle):
                page = suggestions.page_query(context, query, PAGE + 1)
                cost = await explain(context, page, kept)
                assert cost.buffers <= BUFFERS_EACH * 2 * PAGE, cost
                assert not cost.scanned
                if asked.evidence != "address":
                    assert cost.rows > PAGE // 3

    asyncio.run(run())


@pytest.mark.parametrize("actor", [*FEW.values(), NOBODY], ids=[*FEW, "nobody"])
@pytest.mark.parametrize("asked", [ASKED[0], ASKED[2]], ids=str)
def test_who_sees_few_looks_no_further_than_the_bound(
    queue: Long, actor: Actor, asked: Asked
) -> None:
    async def run() -> None:
        async with working(queue.settings, queue.tenant_id, actor) as context:
            looked_at = suggestions.looked_at(context, asked)
            page = suggestions.page_query(context, looked_at, PAGE + 1)
            cost = await explain(context, page)
            assert cost.buffers <= BUFFERS_EACH * LOOKED_AT_MAX, cost
            last = await explain(context, suggestions.last_looked_at(looked_at))
            assert (last.rows, last.buffers < 2 * LOOKED_AT_MAX) == (1, True)
            count = await count_suggestions(context, asked)
            assert count.is_capped
            assert count.total < RARE * RARE

    asyncio.run(run())


@pytest.mark.parametrize("actor", FEW.values(), ids=FEW)
def test_page_after_page_shows_all_that_one_sees_and_nothing_else(
    queue: Long, actor: Actor
) -> None:
    async def run() -> list[Any]:
        found: list[suggestions.Row] = []
        async with working(queue.settings, queue.tenant_id, actor) as context:
            cursor, pages = None, 0
            while pages == 0 or cursor is not None:
                page = await list_suggestions(context, Asked(), limit=3, cursor=cursor)
                found += page.rows
                cursor, pages = page.next_cursor, pages + 1
            assert pages <= OPEN // LOOKED_AT_MAX + len(found) // 3 + 1
            return [(r.suggestion.score, r.suggestion.id, r.a.team_id, r.b.team_id) for r in found]

    found = asyncio.run(run())
    assert all(one > other for one, other in pairwise([row[:2] for row in found]))
    assert {row[2:] for row in found} == {(TEAM, TEAM)}
    with as_role(queue.settings) as platform:
        expected = platform.execute(
            "select d.id from org_customer_duplicates d"
            " join org_customers_mst a on a.id = d.customer_a and a.team_id is not null"
            " and a.status <> 'merged'"
            " join org_customers_mst b on b.id = d.customer_b and b.team_id is not null"
            " and b.status <> 'merged'"
        ).fetchall()
    assert {row[1] for row in found} == {row_id for (row_id,) in expected} != set()


def test_a_total_is_counted_no_further_than_its_cap(queue: Long) -> None:
    async def run() -> None:
        async with working(queue.settings, queue.tenant_id, ALL) as context:
            assert await count_suggestions(context, Asked()) == (1000, True)
            found = await count_suggestions(context, Asked(evidence="email"))
            assert not found.is_capped
            assert 0 < found.total <= OPEN // 100

    asyncio.run(run())


@pytest.fixture
def tenant(fresh_server: Server) -> Iterator[TestTenant]:
    """With a job queue to itself."""
    with make_tenant(fresh_server) as made:
        yield made


def team_of(tenant: TestTenant, name: str) -> httpx.Client:
    tenant.member("sales_manager", team=name)
    return tenant.client("sales_manager", team=name)


def suggested(client: httpx.Client, **query: Any) -> list[set[str]]:
    answer = client.get("/duplicates", params={"total": True} | query)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["total"], found["totalIsCapped"]) == (len(found["items"]), False)
    return [{customer["id"] for customer in item["customers"]} for item in found["items"]]


def test_a_team_sees_the_pairs_of_whose_customers_it_sees_both(
    tenant: TestTenant, api: httpx.Client, run_jobs: Any
) -> None:
    north, south = team_of(tenant, "north"), team_of(tenant, "south")
    twin = {"name": "Zuwaina Al Gheilani", "dateOfBirth": "1980-02-03"}
    one, two = create_stub(north, **twin)["id"], create_stub(north, **twin)["id"]
    other = create_stub(south, **twin)["id"]
    run_jobs()
    assert sorted(map(sorted, suggested(api))) == sorted(
        map(sorted, ({one, two}, {one, other}, {two, other}))
    )
    assert suggested(north) == [{one, two}]
    assert suggested(north, minScore=0.5) == [{one, two}]
    assert suggested(south) == []
    for customer, client in ((other, south), (one, north)):
        listed = client.get(f"/customers/{customer}/duplicates").json()["items"]
        ids = [{c["id"] for c in item["customers"]} for item in listed]
        assert ids == ([{one, two}] if client is north else [])
    assert south.get(f"/customers/{one}/duplicates").status_code == 404
