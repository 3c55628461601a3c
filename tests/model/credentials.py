"""Keys and sessions: made, turned over, ended, and refused at the next request."""

from dataclasses import replace

from model import choosing
from model.lane import Call, Lane, Mismatch
from model.wire import Answer
from model.world import Credential, Json

PASSWORD = "a long password"
LIVE_MAX = 24
SCOPES = ("customers:read", "customers:update", "addresses:read")


def create_key(lane: Lane) -> Call:
    who = choosing.somebody(lane, "keys:manage")
    live = [c for c in lane.world.credentials if not c.ended and not c.keeps]
    if len(live) > LIVE_MAX:
        return revoke_key(lane)
    body = _key(lane)
    call = Call(who, "POST", "/keys", 201, body=body, permission="keys:manage")
    new = _credential(body)
    if new.permissions - who.permissions:
        call.status = 403
    elif body.get("teamId") not in {None, *lane.world.teams} or body.get("memberId") not in {
        None,
        *lane.world.members,
    }:
        call.status = 422
    else:
        call.apply = lambda answer: _made(lane, new, answer)
    return call


def _key(lane: Lane) -> Json:
    role = lane.pick.choice(choosing.ROLES)
    body: Json = {"name": f"{lane.world.mark} {role}", "role": role}
    whose = lane.other if lane.pick.random() < 0.1 else lane.world
    if role == "sales_manager":
        body["teamId"] = lane.pick.choice(list(whose.teams))
    if role == "support":
        body["memberId"] = lane.pick.choice(list(whose.members))
    if role in {"owner", "manager"} and lane.pick.random() < 0.3:
        body["scopes"] = [s for s in SCOPES if lane.pick.random() < 0.6]
    return body


def _credential(body: Json) -> Credential:
    scopes = tuple(body["scopes"]) if "scopes" in body else None
    return Credential("", "", body["role"], team=body.get("teamId"), member=body.get("memberId"),
                      scopes=scopes)  # fmt: skip


def _made(lane: Lane, new: Credential, answer: Answer | None) -> None:
    assert answer is not None
    new.id, new.token = answer.json["id"], answer.json["key"]
    lane.world.credentials.append(new)


def _spare_key(lane: Lane) -> tuple[str, Credential | None]:
    """One that may end; else the other tenant's, or nobody's."""
    spare = [c for c in lane.world.credentials if c.kind == "key" and not c.keeps and c.id]
    if spare and lane.pick.random() < 0.8:
        chosen = lane.pick.choice(spare[-12:])
        return chosen.id, chosen
    foreign = [c.id for c in list(lane.other.credentials) if c.kind == "key"]
    return lane.pick.choice([*foreign, choosing.nobody(lane)]), None


def revoke_key(lane: Lane) -> Call:
    who = choosing.somebody(lane, "keys:manage")
    key_id, key = _spare_key(lane)
    call = Call(who, "DELETE", f"/keys/{key_id}", permission="keys:manage")
    if key is None:
        call.status = 404
    elif key.ended == "revoked":
        call.status = 409
    elif key is who:
        return rotate_key(lane)
    else:
        call.apply = lambda _: _end(key, "revoked")
    return call


def _end(key: Credential, how: str) -> None:
    key.ended = how


def rotate_key(lane: Lane) -> Call:
    """Without an overlap: the old one ends at once."""
    who = lane.world.credentials[0]
    key_id, key = _spare_key(lane)
    call = Call(who, "POST", f"/keys/{key_id}/rotate", 201, body={"overlapSeconds": 0},
                permission="keys:manage")  # fmt: skip
    if key is None:
        call.status = 404
    elif key.ended:
        call.status = 409
    else:
        call.apply = lambda answer: _rotated(lane, key, answer)
    return call


def _rotated(lane: Lane, key: Credential, answer: Answer | None) -> None:
    key.ended = "rotated"
    new = Credential("", "", key.role, team=key.team, member=key.member, scopes=key.scopes)
    _made(lane, new, answer)


def list_keys(lane: Lane) -> Call:
    who = choosing.somebody(lane, "keys:manage")
    wanted = {c.id: c.ended == "revoked" for c in lane.world.credentials if c.kind == "key"}
    call = Call(who, "GET", "/keys", query={"limit": 200}, permission="keys:manage")
    call.check = lambda answer: _listed(answer, wanted)
    return call


def _listed(answer: Answer, wanted: dict[str, bool]) -> None:
    shown = {key["id"]: key["revokedAt"] is not None for key in answer.json["items"]}
    if len(wanted) <= 200 and shown != wanted:
        raise Mismatch(f"keys {shown}, not {wanted}")


def who_am_i(lane: Lane) -> Call:
    who = lane.pick.choice(lane.world.credentials)
    wanted = {
        "role": who.role,
        "permissions": sorted(who.permissions),
        "tenantId": lane.world.tenant_id,
        "staffScope": who.staff_scope,
    }
    return Call(who, "GET", "/auth/me", check=lambda answer: lane.same(answer, wanted))


def staff(lane: Lane) -> Call:
    who = choosing.somebody(lane, "staff:read")
    path, wanted = lane.pick.choice(
        [("/staff", set(lane.world.members)), ("/teams", set(lane.world.teams))]
    )
    call = Call(who, "GET", path, permission="staff:read")
    call.check = lambda answer: _ids(answer, wanted)
    return call


def _ids(answer: Answer, wanted: set[str]) -> None:
    if {item["id"] for item in answer.json["items"]} != wanted:
        raise Mismatch(f"{answer.text[:500]}, not {wanted}")


def log_in(lane: Lane) -> Call:
    """A session of a member of staff; X-Tenant says which of its tenants it is for."""
    return session_of(lane, lane.pick.choice(lane.world.sessions))


def session_of(lane: Lane, template: Credential, keeps: bool = False) -> Call:
    assert template.member is not None
    body = {"email": lane.world.members[template.member], "password": PASSWORD}
    call = Call(replace(template, token="", ended=""), "POST", "/auth/login", body=body,
                may_be_cut=False, stays_home=True)  # fmt: skip
    call.apply = lambda answer: _signed_in(lane, replace(template, keeps=keeps), answer)
    return call


def _signed_in(lane: Lane, new: Credential, answer: Answer | None) -> None:
    assert answer is not None
    new.token, new.ended = answer.json["token"], ""
    lane.world.credentials.append(new)


def log_out(lane: Lane) -> Call | None:
    open_ones = [
        c for c in lane.world.credentials if c.kind == "session" and not c.ended and not c.keeps
    ]
    if not open_ones:
        return None
    who = lane.pick.choice(open_ones)
    call = Call(who, "POST", "/auth/logout", 204, may_be_cut=False)
    call.apply = lambda _: _end(who, "logged out")
    return call
