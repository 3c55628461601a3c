"""Creating customers: guest, stub and full, find-or-create, batches, upgrades."""

from typing import Any

from model import choosing
from model.codes import code_for
from model.lane import Call, Lane, Mismatch
from model.wire import Answer
from model.world import Credential, Customer, Json


def create(lane: Lane) -> Call:
    who = choosing.somebody(lane, "customers:create")
    chance = lane.pick.random()
    if chance < 0.25:
        return _creation(lane, who, {"type": "guest"})
    body: Json = {"type": "stub", "name": choosing.fresh_name(lane)}
    if chance < 0.34 and not who.ended and who.may("otp:send"):
        body |= {"type": "full", "phone": choosing.fresh_phone(lane)}
        body["otpCode"] = code_for(lane, body["phone"])
    elif chance < 0.97:
        body["phone"] = choosing.phone(lane)
    if (email := choosing.email(lane)) is not None:
        body["email"] = email
    if lane.pick.random() < 0.5:
        body |= _assignment(lane)
    return _creation(lane, who, body)


def _assignment(lane: Lane) -> Json:
    """A team and a member of the tenant's, now and then of the other's."""
    whose = lane.other if lane.pick.random() < 0.08 else lane.world
    return {
        "teamId": lane.pick.choice(list(whose.teams)),
        "assignedTo": lane.pick.choice(list(whose.members)),
    }


def _creation(lane: Lane, who: Credential, body: Json) -> Call:
    call = Call(who, "POST", "/customers", 201, body=body, permission="customers:create")
    claims = choosing.claims_of(body)
    if assigning_refused(who, body):
        call.status = 403
    elif body["type"] != "guest" and "phone" not in body:
        call.status = 422
    elif choosing.taken(lane, claims):
        call.status = 409
        call.check = lambda answer: names_holder(lane, who, claims, answer)
    elif unknown_assignment(lane, body):
        call.status = 422
    else:
        new = new_customer(who, body)
        call.check = lambda answer: _check_new(lane, who, new, answer.json)
        call.apply = lambda answer: add(lane, new, answer)
    return call


def assigning_refused(who: Credential, body: Json) -> bool:
    return bool(body.keys() & {"teamId", "assignedTo"}) and not who.may("customers:assign")


def unknown_assignment(lane: Lane, body: Json) -> bool:
    return (body.get("teamId") not in {None, *lane.world.teams}) or (
        body.get("assignedTo") not in {None, *lane.world.members}
    )


def names_holder(lane: Lane, who: Credential, claims: Any, answer: Answer) -> None:
    """A refusal tells whose phone it is to nobody who may not see that customer."""
    holder = lane.world.holder(claims)
    assert holder is not None
    visible = who.may("customers:read") and lane.world.sees(who, lane.world.customers[holder])
    if answer.json.get("customerId") != (holder if visible else None):
        raise Mismatch(f"{who.role} was told of {answer.json.get('customerId')}")


def new_customer(who: Credential, body: Json) -> Customer:
    team = body.get("teamId", who.team if who.staff_scope == "team" else None)
    member = body.get("assignedTo", who.member if who.staff_scope != "all" else None)
    return Customer(
        id="",
        number="",
        sequence=0,
        profile=body.get("type", "stub"),
        name=body.get("name"),
        phone=body.get("phone"),
        email=body.get("email"),
        verified="otpCode" in body,
        team=team,
        member=member,
    )


def _check_new(lane: Lane, who: Credential, new: Customer, shown: Json) -> None:
    """The number is the next one: none is skipped, whatever was refused or cut off before."""
    new.sequence = lane.world.last_sequence + 1
    new.number = f"{lane.world.prefix}{new.sequence:05}"
    new.id = shown["id"]
    if new.id in lane.world.customers:
        raise Mismatch(f"{new.id} was there before")
    lane.same(Answer(200), lane.world.view(who, new), shown)


def add(lane: Lane, new: Customer, answer: Answer | None) -> None:
    assert answer is not None
    new.etag = answer.headers.get("etag")
    lane.world.add(new)


def find_or_create(lane: Lane) -> Call:
    who = choosing.somebody(lane, "customers:create")
    body = till_row(lane)
    call = Call(who, "POST", "/customers/find-or-create", body=body,
                permission="customers:create")  # fmt: skip
    outcome = outcome_of(lane, who, body)
    call.status = {"created": 201, "refused": 409, "invalid": 422}.get(outcome, 200)
    call.check = lambda answer: _check_found(lane, who, body, outcome, answer)
    if outcome == "created":
        new = new_customer(who, body)
        call.check = lambda answer: _check_new(lane, who, new, answer.json["customer"])
        call.apply = lambda answer: add(lane, new, answer)
    return call


def till_row(lane: Lane) -> Json:
    body: Json = {"name": choosing.fresh_name(lane)}
    if lane.pick.random() < 0.95:
        body["phone"] = choosing.phone(lane)
    if (email := choosing.email(lane)) is not None:
        body["email"] = email
    return body


def outcome_of(lane: Lane, who: Credential, body: Json) -> str:
    claims = choosing.claims_of(body)
    holders = {lane.world.claims[c] for c in claims if c in lane.world.claims}
    if not holders:
        return "created" if "phone" in body else "invalid"
    if len(holders) > 1:
        return "ambiguous"
    visible = lane.world.sees(who, lane.world.customers[next(iter(holders))])
    return "matched" if visible else "refused"


def _check_found(lane: Lane, who: Credential, body: Json, outcome: str, answer: Answer) -> None:
    claims, world = choosing.claims_of(body), lane.world
    if outcome == "refused":
        names_holder(lane, who, claims, answer)
    if outcome == "matched":
        holder = world.holder(claims)
        assert holder is not None
        lane.same(answer, {"outcome": "matched"})
        lane.same(answer, world.view(who, world.customers[holder]), answer.json["customer"])
    if outcome == "ambiguous":
        holders = {world.claims[c] for c in claims if c in world.claims}
        seen = {h for h in holders if world.sees(who, world.customers[h])}
        if {c["id"] for c in answer.json["candidates"]} != seen:
            raise Mismatch(f"candidates: {answer.text}")


def upgrade(lane: Lane) -> Call:
    who = choosing.somebody(lane, "customers:update")
    customer_id, found = choosing.customer(lane, who)
    to = lane.pick.choice(["stub", "full"])
    body: Json = {"type": to}
    if found is not None and found.profile == "guest":
        body |= {"name": choosing.fresh_name(lane), "phone": choosing.fresh_phone(lane)}
    proved = to == "full" and found is not None and found.profile != "full"
    if proved and not found.verified and not who.ended and lane.pick.random() < 0.7:
        body["phone"] = choosing.fresh_phone(lane)
        body["otpCode"] = code_for(lane, body["phone"])
    call = Call(
        who, "POST", f"/customers/{customer_id}/upgrade", body=body,
        permission="customers:update", subject=customer_id,
    )  # fmt: skip
    if found is None:
        call.status = 404
        return call
    known = found.verified and body.get("phone", found.phone) == found.phone
    if to == "full" and "otpCode" not in body and not known:
        call.status = 422
    elif to == found.profile or found.profile == "full":
        call.status = 409
    elif not body.get("phone", found.phone) or not body.get("name", found.name):
        call.status = 422
    elif choosing.taken(lane, [c for c in choosing.claims_of(body)
                               if lane.world.claims.get(c) != found.id]):  # fmt: skip
        call.status = 409
    else:
        call.apply = lambda answer: _upgraded(lane, who, found, body, answer)
    return call


def _upgraded(
    lane: Lane, who: Credential, found: Customer, body: Json, answer: Answer | None
) -> None:
    lane.world.change(found, **{k: body[k] for k in ("name", "phone") if k in body})
    found.profile = body["type"]
    found.verified = found.verified or "otpCode" in body
    if answer is not None:
        lane.same(answer, lane.world.view(who, found))
        found.etag = answer.headers.get("etag")
