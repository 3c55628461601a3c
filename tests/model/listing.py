"""Reads of many: lists, pages, searches, statistics, exports, the audit trail."""

import csv
import io
import json
from collections.abc import Callable

from model import choosing
from model.lane import Call, Lane, Mismatch
from model.wire import Answer
from model.world import LIVING, Credential, Customer, Json

PAGES_MAX = 60


def list_customers(lane: Lane) -> Call:
    """Every page of what a filter leaves, in its order."""
    who = choosing.somebody(lane, "customers:read")
    query, holds = _filter(lane)
    sort = lane.pick.choice(["customerNumber", "-customerNumber", "createdAt", "-createdAt", None])
    if sort is not None:
        query["sort"] = sort
    wanted = sorted(
        (c for c in lane.world.visible(who) if holds(c)),
        key=lambda c: c.sequence,
        reverse=sort is None or sort.startswith("-"),
    )
    query |= {"limit": lane.pick.choice([1 + len(wanted) // 2, 200])}
    if lane.pick.random() < 0.2:
        query["total"] = "true"
    call = Call(who, "GET", "/customers", query=query, permission="customers:read")
    call.check = lambda answer: _pages(lane, call, wanted, answer)
    return call


def _filter(lane: Lane) -> tuple[Json, Callable[[Customer], bool]]:
    chance, world = lane.pick.random(), lane.world
    if chance < 0.3:
        return {}, lambda c: c.status in LIVING
    if chance < 0.45:
        status = lane.pick.choice(["active", "inactive", "blocked", "merged"])
        return {"status": status}, lambda c: c.status == status
    if chance < 0.6:
        profile = lane.pick.choice(["guest", "stub", "full"])
        return {"profileStatus": profile}, lambda c: c.status in LIVING and c.profile == profile
    if chance < 0.7:
        team = lane.pick.choice([*world.teams, *lane.other.teams])
        return {"teamId": team}, lambda c: c.status in LIVING and c.team == team
    if chance < 0.8:
        member = lane.pick.choice([*world.members, *lane.other.members])
        return {"assignedTo": member}, lambda c: c.status in LIVING and c.member == member
    phone = choosing.foreign_phone(lane) if chance < 0.9 else choosing.phone(lane)
    holder = world.claims.get(("phone", phone))
    return {"phone": phone}, lambda c: c.id == holder and c.status in LIVING


def _pages(lane: Lane, call: Call, wanted: list[Customer], answer: Answer) -> None:
    shown = answer.json["items"]
    if "total" in (call.query or {}):
        lane.same(answer, {"total": len(wanted), "totalIsCapped": False})
    cursor = answer.json["nextCursor"]
    for _ in range(PAGES_MAX):
        if cursor is None:
            break
        lane.world.cursors.append((call.query or {}) | {"cursor": cursor})
        page = lane.page(call, cursor)
        shown += page["items"]
        cursor = page["nextCursor"]
    if [c["id"] for c in shown] != [c.id for c in wanted]:
        raise Mismatch(
            f"listed {[c['customerNumber'] for c in shown]}, not {[c.number for c in wanted]}"
        )
    for item, customer in zip(shown, wanted, strict=True):
        lane.same(answer, lane.world.view(call.who, customer), item)


def foreign_cursor(lane: Lane) -> Call | None:
    """A place in another tenant's list is no place here, were the question the same."""
    if not lane.other.cursors:
        return None
    who = choosing.somebody(lane, "customers:read")
    query = lane.pick.choice(lane.other.cursors[-20:])
    return Call(who, "GET", "/customers", 422, query=query, permission="customers:read")


def search(lane: Lane) -> Call:
    """By a word that one customer has, or one of the other tenant's."""
    who = choosing.somebody(lane, "customers:read")
    seen = [c for c in lane.world.visible(who) if c.status in LIVING]
    named = [c for c in seen if c.name]
    foreign = [c for c in list(lane.other.customers.values()) if c.name]
    sought = None
    if named and lane.pick.random() < 0.8:
        sought = lane.pick.choice(named)
        text = (sought.name or "").split()[1]
    elif foreign:
        text = (lane.pick.choice(foreign).name or "").split()[-1]
    else:
        text = lane.other.mark
    call = Call(who, "GET", "/customers", query={"search": text}, permission="customers:read")
    ids = {c.id for c in seen}
    call.check = lambda answer: _hits(answer, ids, sought)
    return call


def _hits(answer: Answer, allowed: set[str], sought: Customer | None) -> None:
    hits = {c["id"] for c in answer.json["items"]}
    if not hits <= allowed or (sought is not None and sought.id not in hits):
        raise Mismatch(f"found {hits - allowed} beyond, sought {sought}")


def statistics(lane: Lane) -> Call:
    who = choosing.somebody(lane, "customers:read")
    seen = [c for c in lane.world.visible(who) if c.status in LIVING]
    wanted = {
        "total": len(seen),
        "byStatus": _counted([c.status for c in seen]),
        "byProfileStatus": _counted([c.profile for c in seen]),
    }
    return Call(who, "GET", "/customers/statistics", permission="customers:read",
                check=lambda answer: lane.same(answer, wanted))  # fmt: skip


def _counted(words: list[str]) -> dict[str, int]:
    return {word: words.count(word) for word in set(words)}


def export(lane: Lane) -> Call:
    who = choosing.somebody(lane, "customers:export")
    form = lane.pick.choice(["csv", "jsonl"])
    wanted = [c for c in lane.world.visible(who) if c.status in LIVING]
    call = Call(who, "GET", "/customers/export", query={"format": form},
                permission="customers:export")  # fmt: skip
    call.check = lambda answer: _exported(lane, who, form, wanted, answer)
    return call


def _exported(
    lane: Lane, who: Credential, form: str, wanted: list[Customer], answer: Answer
) -> None:
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(answer.text)))
    else:
        rows = [json.loads(line) for line in answer.text.splitlines()]
    if [row["id"] for row in rows] != [c.id for c in sorted(wanted, key=lambda c: c.sequence)]:
        raise Mismatch(f"exported {len(rows)} customers, not {len(wanted)}")
    for row in rows:
        view = lane.world.view(who, lane.world.customers[row["id"]])
        if form == "csv":
            view = {k: "" if v is None else str(v).lower() if isinstance(v, bool) else v
                    for k, v in view.items()}  # fmt: skip
        lane.same(answer, view, row)


def audit(lane: Lane) -> Call:
    """The newest page: every record is of the tenant's own, and of what the model knows."""
    who = choosing.somebody(lane, "audit:read")
    query: Json = {"limit": lane.pick.choice([5, 50])}
    if lane.pick.random() < 0.3:
        query["customerId"] = choosing.customer_id(lane)
    call = Call(who, "GET", "/audit", query=query, permission="audit:read")
    call.check = lambda answer: _records(lane, query.get("customerId"), answer)
    return call


def _records(lane: Lane, customer_id: str | None, answer: Answer) -> None:
    items = answer.json["items"]
    about = {event["customerId"] for event in items} - {None}
    known = {customer_id} & lane.world.customers.keys() if customer_id else lane.world.customers
    if not about <= set(known) or (customer_id in lane.world.customers and not items):
        raise Mismatch(f"records about {about - set(known)}")
