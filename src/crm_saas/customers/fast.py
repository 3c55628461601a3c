"""Which filter goes with which order at any size: because one index serves both.

docs/lists.md shows this table; tests/customers/test_fast_lists.py explains each pair as the
application's role, with a filter that matches hardly anybody and one that matches nearly all.
Whatever is not here is answered too, but within a time limit (listing.py).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from crm_saas.kit.context import Actor

CREATED = frozenset({"created_from", "created_before"})
UPDATED = frozenset({"updated_from", "updated_before"})
# Of these a customer has one and nobody else has it: what is asked beside them is looked at after.
PINPOINTS = frozenset({"phone", "email", "customer_number", "external_id"})
SORTS = ("createdAt", "updatedAt", "name", "customerNumber")
TEAMS_MAX = 16


class Pair(NamedTuple):
    """A filter, an order (each goes both ways), and the index of org_customers_mst for both."""

    filter: str
    sort: str
    served_by: str
    words: frozenset[str] | None = None
    """The values for which it holds; None is all."""


FAST: tuple[Pair, ...] = (
    Pair("", "createdAt", "created"),
    Pair("", "updatedAt", "updated"),
    Pair("", "name", "name"),
    Pair("", "customerNumber", "sequence"),
    Pair("status", "createdAt", "status"),
    Pair("profile_status", "createdAt", "profile"),
    Pair("lifecycle", "createdAt", "lifecycle"),
    Pair("journey_stage", "createdAt", "stage"),
    Pair("customer_type", "createdAt", "business", frozenset({"business"})),
    Pair("company_name", "createdAt", "company"),
    Pair("date_of_birth", "createdAt", "birth"),
    Pair("assigned_to", "createdAt", "assigned"),
    Pair("assigned_to", "name", "assigned_name"),
    Pair("team_id", "createdAt", "team"),
    Pair("team_id", "name", "team_name"),
    Pair("name", "name", "name"),
    Pair("custom", "createdAt", ""),
)
_FAST = {(pair.filter, pair.sort): pair for pair in FAST}


def leading_filters(actor: Actor, asked: Mapping[str, Any], sort: str) -> dict[str, Any]:
    """What an index would have to begin with: the filters and the scope of the actor, but for the
    dates that are the order's own."""
    ranges = {"createdAt": CREATED, "updatedAt": UPDATED}.get(sort.lstrip("-"), frozenset())
    leading = {n: v for n, v in asked.items() if n not in ranges and n != "search"}
    if actor.staff_scope == "own":
        leading.setdefault("assigned_to", actor.member_id)
    if actor.staff_scope == "team":
        leading.setdefault("team_id", list(actor.team_ids))
    return leading


def is_fast(actor: Actor, asked: Mapping[str, Any], sort: str) -> bool:
    """Whether the answer takes the same time at any size."""
    if not PINPOINTS.isdisjoint(asked):
        return True
    leading = leading_filters(actor, asked, sort)
    if len(leading) > 1:
        return False
    name, value = next(iter(leading.items()), ("", None))
    pair = _FAST.get((name, sort.lstrip("-")))
    if pair is None:
        return False
    if name == "custom":
        return len(value or ()) == 1 and not any("." in key for key in value or ())
    if name == "team_id" and isinstance(value, list):
        return len(value) <= TEAMS_MAX
    return pair.words is None or value in pair.words


def fast_instead(actor: Actor, asked: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """Pairs that would be fast for this actor, of the filters that were asked for and of none;
    `names` are the API's."""
    alone: dict[str, dict[str, Any]] = {name: {name: value} for name, value in asked.items()}
    return [
        f"{names[pair.filter]} with sort={pair.sort}" if pair.filter else f"sort={pair.sort}"
        for pair in FAST
        if (pair.filter in alone or not pair.filter)
        and is_fast(actor, alone.get(pair.filter, {}), pair.sort)
    ]
