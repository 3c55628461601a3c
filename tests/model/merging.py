"""Merges, their previews and undos, and suggestions."""

from model import choosing
from model.lane import Call, Lane, Mismatch
from model.wire import Answer
from model.world import LIVING, Credential, Customer, Json, Merge

_PROFILES = ("guest", "stub", "full")


def merge(lane: Lane) -> Call:
    return _merge(lane, "/customers/merge", 201)


def preview(lane: Lane) -> Call:
    call = _merge(lane, "/customers/merge/preview", 200)
    call.apply = lambda _: None
    if call.status == 409:  # a preview tells what stands in the way
        call.status = 200
        call.check = lambda answer: _blocked(answer)
    return call


def _blocked(answer: Answer) -> None:
    if not answer.json["blockers"] or answer.json["result"] is not None:
        raise Mismatch(f"nothing stands in the way: {answer.text[:500]}")


def _merge(lane: Lane, path: str, status: int) -> Call:
    who = choosing.somebody(lane, "customers:merge")
    world = lane.world
    source_id, target_id = choosing.customer_id(lane), choosing.customer_id(lane)
    body: Json = {"sourceId": source_id, "targetId": target_id}
    call = Call(who, "POST", path, status, body=body, permission="customers:merge")
    source, target = world.customers.get(source_id), world.customers.get(target_id)
    if source is None or target is None:
        call.status = 404
    elif source is target:
        call.status = 422 if status == 201 else 409
    elif "merged" in (source.status, target.status) or (
        source.status == "blocked" and target.status != "blocked"
    ):
        call.status = 409
    elif status == 201:
        call.apply = lambda answer: _merged(lane, who, source, target, answer)
    return call


def _merged(
    lane: Lane, who: Credential, source: Customer, target: Customer, answer: Answer | None
) -> None:
    assert answer is not None
    world = lane.world
    before = world.snapshot(source.id, target.id)
    verified = _take_contacts(source, target)
    target.name = target.name or source.name
    for field in ("notes", "member", "team"):
        setattr(target, field, getattr(target, field) or getattr(source, field))
    target.verified = verified
    target.profile = max(source.profile, target.profile, key=_PROFILES.index)
    if target.status != "blocked" and source.status == "active":
        target.status = "active"
    world.claims |= {c: target.id for c, holder in world.claims.items() if holder == source.id}
    _move_addresses(source, target)
    for customer in world.customers.values():
        if customer.merged_into == source.id:
            customer.merged_into, customer.etag = target.id, None
    source.status, source.merged_into = "merged", target.id
    source.etag = target.etag = None
    lane.same(answer, world.view(who, target), answer.json["customer"])
    done = answer.json["id"]
    world.merges[done] = Merge(
        done, source.id, target.id, before, world.snapshot(source.id, target.id)
    )


def _take_contacts(source: Customer, target: Customer) -> bool:
    """The survivor's own, unless it has none or the other's alone is verified."""
    verified = target.verified
    if source.phone and (not target.phone or (source.verified and not target.verified)):
        target.phone, verified = source.phone, source.verified
    target.email = target.email or source.email
    return verified


def _move_addresses(source: Customer, target: Customer) -> None:
    held = any(a.is_default for a in target.addresses.values())
    for address in source.addresses.values():
        address.is_default = address.is_default and not held
    target.addresses |= source.addresses
    source.addresses = {}


def undo(lane: Lane) -> Call | None:
    """Of what nobody touched since; of a later merge's; twice; of the other tenant's."""
    who = choosing.somebody(lane, "customers:merge")
    whose = lane.other if lane.pick.random() < 0.1 else lane.world
    if not whose.merges:
        return None
    merge_id = lane.pick.choice(list(whose.merges)[-6:])
    done = lane.world.merges.get(merge_id)
    call = Call(who, "POST", f"/merges/{merge_id}/undo", permission="customers:merge")
    if done is None:
        call.status = 404
    elif done.undone or _later(lane, done):
        call.status = 409
    elif lane.world.snapshot(done.source, done.target) != done.after:
        return None
    else:
        call.apply = lambda answer: _undone(lane, who, done, answer)
    return call


def _later(lane: Lane, done: Merge) -> bool:
    merges = list(lane.world.merges.values())
    later = merges[merges.index(done) + 1 :]
    return any(not m.undone and done.target in (m.source, m.target) for m in later) or any(
        not m.undone and m.source == done.target for m in merges
    )


def _undone(lane: Lane, who: Credential, done: Merge, answer: Answer | None) -> None:
    assert answer is not None
    world, before = lane.world, done.before
    world.customers |= before["customers"]
    world.claims |= before["claims"]
    for customer_id, survivor in before["former"].items():
        world.customers[customer_id].merged_into = survivor
        world.customers[customer_id].etag = None
    for side, customer_id in (("source", done.source), ("target", done.target)):
        world.customers[customer_id].etag = None
        lane.same(answer, world.view(who, world.customers[customer_id]), answer.json[side])
    done.undone = True


def list_merges(lane: Lane) -> Call:
    who = choosing.somebody(lane, "customers:read")
    world = lane.world
    wanted = [
        m.id
        for m in world.merges.values()
        if world.sees(who, world.customers[m.source]) and world.sees(who, world.customers[m.target])
    ]
    call = Call(who, "GET", "/merges", query={"limit": 200}, permission="customers:read")
    call.check = lambda answer: _listed(answer, wanted[::-1])
    return call


def _listed(answer: Answer, wanted: list[str]) -> None:
    shown = [m["id"] for m in answer.json["items"]]
    if shown != wanted[:200]:
        raise Mismatch(f"merges {shown}, not {wanted}")


def suggestions(lane: Lane) -> Call:
    """Which there are is the business of other tests; here: of whom they are."""
    who = choosing.somebody(lane, "customers:read")
    world = lane.world
    seen = {c.id for c in world.visible(who) if c.status in LIVING}
    path = "/duplicates"
    call = Call(who, "GET", path, permission="customers:read")
    if lane.pick.random() < 0.4:
        customer_id, found = choosing.customer(lane, who)
        call.path = f"/customers/{customer_id}/duplicates"
        call.status = 200 if found else 404
    if call.status == 200:
        call.check = lambda answer: _suggested(lane, who, seen, answer)
    return call


def _suggested(lane: Lane, who: Credential, seen: set[str], answer: Answer) -> None:
    for item in answer.json["items"]:
        lane.world.suggestions[item["id"]] = {c["id"] for c in item["customers"]}
        for customer in item["customers"]:
            if customer["id"] not in seen:
                raise Mismatch(f"{customer['id']} is suggested to {who.role}")
            known = lane.world.customers[customer["id"]]
            lane.same(answer, lane.world.view(who, known), customer)


def dismiss(lane: Lane) -> Call | None:
    who = choosing.somebody(lane, "customers:merge")
    own = lane.pick.random() < 0.7
    known = sorted(lane.world.suggestions if own else list(lane.other.suggestions))
    if not known:
        return None
    suggestion = lane.pick.choice(known)
    call = Call(who, "POST", f"/duplicates/{suggestion}/dismiss", permission="customers:merge")
    if not own:
        call.status = 404
    else:
        pair = lane.world.suggestions[suggestion]
        merges = lane.world.merges.values()
        if any(not m.undone and {m.source, m.target} == pair for m in merges):
            call.status = 409
        call.or_status = 404  # the search for duplicates drops what is none any more
    return call
