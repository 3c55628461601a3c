"""Changing customers: fields, contacts, whose they are, their status."""

from model import choosing
from model.lane import Call, Lane, Mismatch
from model.ways_in import assigning_refused, names_holder, unknown_assignment
from model.wire import Answer
from model.world import Credential, Customer, Json, word

STAGES = ("prospect", "lead", "waiting", "reserved", "owner")


def edit(lane: Lane) -> Call:
    who = choosing.somebody(lane, "customers:update")
    customer_id, found = choosing.customer(lane, who)
    body = _changes(lane)
    call = Call(who, "PATCH", f"/customers/{customer_id}", body=body,
                permission="customers:update", subject=customer_id)  # fmt: skip
    stale = _if_match(lane, call, found)
    if found is None:
        call.status = 404
        return call
    claims = [c for c in choosing.claims_of(body) if lane.world.claims.get(c) != found.id]
    if stale:
        call.status = 412
    elif assigning_refused(who, body):
        call.status = 403
    elif found.profile == "guest" and claims:
        call.status = 422
    elif choosing.taken(lane, claims):
        call.status = 409
        call.check = lambda answer: names_holder(lane, who, claims, answer)
    elif unknown_assignment(lane, body):
        call.status = 422
    else:
        call.apply = lambda answer: _edited(lane, who, found, body, answer)
    return call


def _changes(lane: Lane) -> Json:
    chance = lane.pick.random()
    if chance < 0.35:
        return {"notes": word(lane.pick), "journeyStage": lane.pick.choice(STAGES)}
    if chance < 0.5:
        return {"name": choosing.fresh_name(lane)}
    if chance < 0.65:
        return {"phone": choosing.phone(lane)}
    if chance < 0.75:
        return {"email": choosing.email(lane) or choosing.fresh_email(lane)}
    whose = lane.other if lane.pick.random() < 0.1 else lane.world
    team = lane.pick.choice([None, *whose.teams])
    member = lane.pick.choice([None, *whose.members])
    return lane.pick.choice([{"teamId": team}, {"assignedTo": member},
                             {"teamId": team, "assignedTo": member}])  # fmt: skip


def _if_match(lane: Lane, call: Call, found: Customer | None) -> bool:
    """Whether the tag that goes along is a stale one."""
    chance = lane.pick.random()
    if chance < 0.1:
        call.headers["If-Match"] = '"987654321"'
        return True
    if chance < 0.4 and found is not None and found.etag is not None:
        call.headers["If-Match"] = found.etag
    return False


def _edited(
    lane: Lane, who: Credential, found: Customer, body: Json, answer: Answer | None
) -> None:
    names = {"journeyStage": "stage", "teamId": "team", "assignedTo": "member"}
    lane.world.change(found, **{names.get(k, k): v for k, v in body.items()})
    _shown(lane, who, found, answer)


def _shown(lane: Lane, who: Credential, found: Customer, answer: Answer | None) -> None:
    if answer is not None:
        lane.same(answer, lane.world.view(who, found))
        found.etag = answer.headers.get("etag")


def deactivate(lane: Lane) -> Call:
    return _status(lane, "DELETE", "", "customers:deactivate", "inactive")


def reactivate(lane: Lane) -> Call:
    return _status(lane, "POST", "/reactivate", "customers:deactivate", "active")


def block(lane: Lane) -> Call:
    return _status(lane, "POST", "/block", "customers:block", "blocked")


def _status(lane: Lane, method: str, path: str, permission: str, status: str) -> Call:
    who = choosing.somebody(lane, permission)
    customer_id, found = choosing.customer(lane, who)
    call = Call(who, method, f"/customers/{customer_id}{path}", permission=permission,
                subject=customer_id)  # fmt: skip
    if path == "/block":
        call.body = {"reason": word(lane.pick)}
    stale = _if_match(lane, call, found)
    if found is None:
        call.status = 404
    elif stale:
        call.status = 412
    elif found.status == "blocked" and status == "inactive":
        call.status = 409
    elif found.status == "blocked" and status == "active" and not who.may("customers:block"):
        call.status = 403
    else:
        call.apply = lambda answer: _moved(lane, who, found, status, answer)
    return call


def _moved(
    lane: Lane, who: Credential, found: Customer, status: str, answer: Answer | None
) -> None:
    found.status, found.etag = status, None
    _shown(lane, who, found, answer)


def read(lane: Lane) -> Call:
    who = choosing.somebody(lane, "customers:read")
    customer_id, found = choosing.customer(lane, who)
    asked = lane.world.customers.get(customer_id)
    path = f"/customers/{customer_id}"
    if asked is not None and lane.pick.random() < 0.3:
        path = f"/customers/by-number/{asked.number}"
    elif lane.pick.random() < 0.05 and (foreign := list(lane.other.customers.values())):
        path, found = f"/customers/by-number/{lane.pick.choice(foreign).number}", None
    call = Call(who, "GET", path, 200 if found else 404, permission="customers:read")
    if found is not None:
        assert asked is not None
        merged = asked is not found
        wanted = lane.world.view(who, found) | {
            "mergedFrom": {"id": asked.id, "customerNumber": asked.number} if merged else None
        }
        call.check = lambda answer: lane.same(answer, wanted)
        call.apply = lambda answer: _tagged(found, answer)
    return call


def _tagged(found: Customer, answer: Answer | None) -> None:
    assert answer is not None
    tag = answer.headers.get("etag")
    if found.etag not in {None, tag}:
        raise Mismatch(f"{found.number} changed by nobody: {found.etag} and then {tag}")
    found.etag = tag


def history(lane: Lane) -> Call:
    """Of the customer and of those merged into it; nobody else's."""
    who = choosing.somebody(lane, "customers:read")
    customer_id, found = choosing.customer(lane, who)
    call = Call(who, "GET", f"/customers/{customer_id}/history", 200 if found else 404,
                query={"limit": 20}, permission="customers:read")  # fmt: skip
    if found is not None:
        world = lane.world
        whose = {found.id} | {c.id for c in world.customers.values() if c.merged_into == found.id}
        call.check = lambda answer: _only(answer, whose)
    return call


def _only(answer: Answer, customer_ids: set[str]) -> None:
    shown = {event["customerId"] for event in answer.json["items"]}
    if not shown or not shown <= customer_ids:
        raise Mismatch(f"the history of {customer_ids} is about {shown}")
