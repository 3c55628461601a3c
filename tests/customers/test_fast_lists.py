"""Each pair of docs/lists.md reads no more than its page, whether its filter matches hardly
anybody or nearly everybody (explained as the application's role)."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import psycopg
import pytest
from sqlalchemy import Select

from crm_saas import operator
from crm_saas.access.roles import permissions_of
from crm_saas.custom.queries import list_fields, load_fields
from crm_saas.customers import listing
from crm_saas.customers.errors import ListTooSlow
from crm_saas.customers.fast import FAST, PINPOINTS, SORTS, Pair, fast_instead, is_fast
from crm_saas.customers.filters import API_NAMES, CustomerQuery
from crm_saas.kit.context import Actor, Context
from crm_saas.kit.settings import Settings
from factories import plans
from factories.crowds import MEMBER, RARE, TEAM, crowd
from factories.database import new_database
from factories.plans import Cost
from factories.settings import roomy_settings
from shell_blocks import ROOT

ALL = [f"sort={sort}" for sort in SORTS]
COUNT = 4000
PAGE = 50
# A row of the page costs its row and now and then one that was merged; of a custom field, its
# value and the way to the customer too.
BUFFERS_MAX = 7 * PAGE
ASKED: dict[str, Any] = {
    "": None,
    "status": "inactive",
    "profile_status": "full",
    "lifecycle": "vip",
    "journey_stage": "lead",
    "customer_type": "business",
    "company_name": "Acme",
    "date_of_birth": date(1990, 1, 1),
    "assigned_to": MEMBER,
    "team_id": TEAM,
    "name": "Walk In",
    "custom": {"tier": "gold"},
    "phone": "+96890000077",
    "email": "nobody@example.com",
    "customer_number": "CUST-77",
    "external_id": "X-77",
}

BIG = {"org_customers_mst", "org_customer_identifiers", "org_custom_values"}
MIDDLE: dict[str, Any] = {
    "createdAt": (datetime(2020, 1, 3, tzinfo=UTC), uuid.UUID(int=0)),
    "updatedAt": (datetime(2020, 1, 3, tzinfo=UTC), uuid.UUID(int=0)),
    "name": ("n 7", uuid.UUID(int=0)),
    "customerNumber": (COUNT // 2, uuid.UUID(int=0)),
}


class Crowds(NamedTuple):
    """One tenant in which a filter finds hardly anybody, and one in which nearly all."""

    settings: Settings
    tenants: dict[str, uuid.UUID]


@pytest.fixture(scope="module")
def crowds(owner_url: str, template_database: str) -> Iterator[Crowds]:
    with new_database(owner_url, "crowds", template_database) as url:
        settings = roomy_settings(url)
        tenants = {}
        with psycopg.connect(url, autocommit=True) as owner:
            for name, chosen in (("rare", RARE), ("common", COUNT - RARE)):
                made = asyncio.run(operator.create_tenant(settings, slug=name, name=name))
                tenants[name] = made.id
                crowd(owner, settings, made.id, count=COUNT, chosen=chosen)
            owner.execute("analyze")
        yield Crowds(settings, tenants)


def pairs() -> list[Pair]:
    everything = [Pair(name, sort, "") for name in sorted(PINPOINTS) for sort in SORTS]
    return [*FAST, *everything]


def asking(pair: Pair) -> CustomerQuery:
    return CustomerQuery(**({pair.filter: ASKED[pair.filter]} if pair.filter else {}))


@asynccontextmanager
async def working(crowds: Crowds, tenant: str, actor: Actor) -> AsyncIterator[Context]:
    """A context as a request has it."""
    async with plans.working(crowds.settings, crowds.tenants[tenant], actor) as context:
        await load_fields(context)
        yield context


async def explain(context: Context, query: Select[Any], kept: str = "custom") -> Cost:
    cost = await plans.explain(context, query, kept)
    return cost._replace(scanned=cost.scanned & BIG)


def costs(
    crowds: Crowds, crowded: str, actor: Actor, asked: list[Pair], kept: str = "custom"
) -> dict[str, Cost]:
    """Of each pair in both directions, from the first page and from the middle."""

    async def run() -> dict[str, Cost]:
        found = {}
        async with working(crowds, crowded, actor) as context:
            for pair in asked:
                wanted = asking(pair)
                assert is_fast(actor, wanted.asked(), pair.sort)
                for sort, place in itertools.product(
                    (pair.sort, f"-{pair.sort}"), (None, MIDDLE[pair.sort])
                ):
                    query = listing.page_query(
                        context, wanted, sort=sort, most=PAGE + 1, place=place
                    )
                    name = f"{pair.filter} {sort} {'again' if place else ''}"
                    found[name] = await explain(context, query, kept)
        return found

    return asyncio.run(run())


OWNER = Actor(kind="key", id=None, name="", role="owner", permissions=permissions_of("owner"))
OWN = replace(OWNER, staff_scope="own", member_id=MEMBER)


@pytest.mark.parametrize("kept", ["custom", "generic"])
@pytest.mark.parametrize("crowded", ["rare", "common"])
def test_a_pair_of_the_table_reads_its_page(crowds: Crowds, crowded: str, kept: str) -> None:
    found = costs(crowds, crowded, OWNER, pairs(), kept)
    assert {n: c for n, c in found.items() if c.buffers > BUFFERS_MAX or c.scanned} == {}
    full = [name for name, cost in found.items() if cost.rows == PAGE + 1]
    assert len(full) >= (16 if crowded == "rare" else 60)


@pytest.mark.parametrize("crowded", ["rare", "common"])
def test_what_walks_an_index_far_is_seen(crowds: Crowds, crowded: str) -> None:
    """Of a pair that is not in the table, so that the test above can fail."""

    async def run() -> Cost:
        async with working(crowds, crowded, OWNER) as context:
            wanted = CustomerQuery(lifecycle="vip", name2="nobody")
            assert not is_fast(OWNER, wanted.asked(), "createdAt")
            other = CustomerQuery(lifecycle="vip" if crowded == "rare" else "new")
            assert not is_fast(OWNER, other.asked(), "-updatedAt")
            query = listing.page_query(context, other, sort="-updatedAt", most=PAGE + 1)
            return await explain(context, query)

    cost = asyncio.run(run())
    assert cost.rows == RARE - 1
    assert cost.buffers > 5 * BUFFERS_MAX


SCOPED = {
    "own": Actor(
        kind="staff", id=None, name="", role="support", staff_scope="own", member_id=MEMBER
    ),
    "team": Actor(kind="staff", id=None, name="", role="", staff_scope="team", team_ids=(TEAM,)),
}


@pytest.mark.parametrize("crowded", ["rare", "common"])
@pytest.mark.parametrize("scope", SCOPED)
def test_so_does_who_sees_few_of_many(crowds: Crowds, scope: str, crowded: str) -> None:
    whole = [Pair("", "createdAt", ""), Pair("", "name", "")]
    found = costs(crowds, crowded, SCOPED[scope], whole)
    assert {n: c for n, c in found.items() if c.buffers > BUFFERS_MAX or c.scanned} == {}
    assert max(cost.rows for cost in found.values()) > 0


@pytest.mark.parametrize(
    "nobody",
    [
        Actor(kind="key", id=None, name="", role="", staff_scope="own"),
        Actor(kind="key", id=None, name="", role="", staff_scope="team"),
    ],
    ids=lambda actor: actor.staff_scope,
)
def test_who_sees_nobody_walks_nowhere(crowds: Crowds, nobody: Actor) -> None:
    found = costs(crowds, "rare", nobody, [Pair("", "createdAt", "")])
    assert {(cost.rows, cost.buffers <= BUFFERS_MAX) for cost in found.values()} == {(0, True)}


def test_several_values_of_one_filter(crowds: Crowds) -> None:
    """Each from an index of its own order, the first of them together."""

    async def run() -> tuple[Cost, list[uuid.UUID], list[uuid.UUID]]:
        async with working(crowds, "common", OWNER) as context:
            wanted = CustomerQuery(status="active,inactive")
            assert is_fast(OWNER, wanted.asked(), "-createdAt")
            query = listing.page_query(context, wanted, sort="-createdAt", most=PAGE + 1)
            whole = listing.page_query(context, CustomerQuery(), sort="-createdAt", most=PAGE + 1)
            ids = [[row.id for row in await context.session.execute(q)] for q in (query, whole)]
            return await explain(context, query), ids[0], ids[1]

    cost, several, whole = asyncio.run(run())
    assert several == whole
    assert cost.buffers <= 2 * BUFFERS_MAX


@pytest.mark.parametrize("crowded", ["rare", "common"])
def test_a_total_is_counted_no_further_than_its_cap(crowds: Crowds, crowded: str) -> None:
    async def run() -> listing.Count:
        async with working(crowds, crowded, OWNER) as context:
            return await listing.count_customers(context, CustomerQuery(lifecycle="vip"), sort=None)

    few = listing.Count(RARE - 1, is_capped=False)
    assert asyncio.run(run()) == (few if crowded == "rare" else listing.Count(1000, is_capped=True))


@contextmanager
def locked_customers(crowds: Crowds) -> Iterator[None]:
    """Whoever reads customers meanwhile waits, as for a walk through a million of them."""
    with psycopg.connect(crowds.settings.database_url) as owner:
        owner.execute("lock table org_customers_mst")
        yield


def test_what_is_not_in_the_table_has_a_time_limit(
    crowds: Crowds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "SLOW_MS_MAX", 50)

    async def page(wanted: CustomerQuery) -> listing.Found:
        async with working(crowds, "rare", OWNER) as context:
            return await listing.list_customers(context, wanted, sort=None, limit=1, cursor=None)

    async def count(wanted: CustomerQuery) -> tuple[listing.Count, int]:
        async with working(crowds, "rare", OWNER) as context:
            counted = await listing.count_customers(context, wanted, sort=None)
            return counted, len(await list_fields(context))

    slow = CustomerQuery(lifecycle="vip", honorific="Dr")
    assert not asyncio.run(page(slow)).is_fast
    with locked_customers(crowds):
        with pytest.raises(ListTooSlow) as refused:
            asyncio.run(page(slow))
        counted, fields = asyncio.run(count(slow))
    assert "lifecycle with sort=createdAt" in refused.value.extra["fast"]
    assert "lifecycle, honorific" in refused.value.detail
    assert counted == listing.Count(None, is_capped=False)
    assert fields == 1, "the request goes on with what it may see"


@pytest.mark.parametrize(
    ("actor", "asked", "pairs"),
    [
        (OWNER, {"profile_status": "stub"}, [*ALL, "profileStatus with sort=createdAt"]),
        (OWNER, {"customer_type": "individual", "custom": {"a": "1", "b": "2"}}, ALL),
        (OWN, {"lifecycle": "vip"}, ["sort=createdAt", "sort=name"]),
    ],
)
def test_what_is_named_instead_is_fast(
    actor: Actor, asked: dict[str, Any], pairs: list[str]
) -> None:
    """In the API's words, and for who asks."""
    assert fast_instead(actor, asked, API_NAMES) == pairs


def test_the_page_shows_the_table() -> None:
    rows = [f"| {_shown(pair)} | `{pair.sort}`, `-{pair.sort}` |" for pair in FAST]
    page = (ROOT / "docs/lists.md").read_text()
    assert [line for line in page.splitlines() if line.startswith("| ")][2:] == rows


def _shown(pair: Pair) -> str:
    if not pair.filter:
        return "none"
    if pair.filter == "custom":
        return "`custom.<key>` of a filterable field, the whole value"
    words = "" if pair.words is None else f"={', '.join(pair.words)}"
    return f"`{API_NAMES[pair.filter]}{words}`"
