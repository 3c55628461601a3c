"""API keys: made, narrowed, rotated, expired, revoked."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from crm_saas import operator
from factories.customers import create_guest
from factories.tenants import TestTenant

With = Callable[[str], httpx.Client]


@pytest.fixture
def with_key(tenant: TestTenant) -> Iterator[With]:
    with ExitStack() as stack:
        yield lambda key: stack.enter_context(tenant.server.client(key))


def make_key(api: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = api.post("/keys", json={"name": "till", "role": "pos"} | body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_revoked_means_refused_at_the_next_request(tenant: TestTenant, with_key: With) -> None:
    owner = tenant.client("owner")
    made, other = make_key(owner), make_key(owner)
    till = with_key(made["key"])
    create_guest(till)
    assert owner.delete(f"/keys/{made['id']}").json()["revokedAt"]
    refused = till.get("/customers")
    assert refused.status_code == 401
    assert with_key(other["key"]).get("/customers").status_code == 200
    assert owner.delete(f"/keys/{made['id']}").status_code == 409
    assert owner.post(f"/keys/{made['id']}/rotate", json={}).status_code == 409


def test_a_key_is_shown_once(tenant: TestTenant) -> None:
    owner = tenant.client("owner")
    made = make_key(owner)
    assert made["key"].startswith("crm_sk_")
    listed = owner.get("/keys")
    assert made["key"] not in listed.text
    assert [key["hint"] for key in listed.json()["items"] if key["id"] == made["id"]] == [
        made["hint"]
    ]
    assert made["hint"].endswith(made["key"][-4:])
    assert make_key(owner, role="publishable")["key"].startswith("crm_pk_")


def test_an_expired_key_is_refused(tenant: TestTenant, with_key: With) -> None:
    ends_at = datetime.now(UTC) + timedelta(seconds=1)
    till = with_key(make_key(tenant.client("owner"), expiresAt=ends_at.isoformat())["key"])
    before = []
    while datetime.now(UTC) < ends_at:
        before.append(till.get("/auth/me").status_code)
    assert 200 in before
    assert till.get("/auth/me").status_code == 401


def test_rotated_with_an_overlap(tenant: TestTenant, with_key: With) -> None:
    owner = tenant.client("owner")
    old = make_key(owner, scopes=["customers:read"])
    new = owner.post(f"/keys/{old['id']}/rotate", json={"overlapSeconds": 3600}).json()
    for key in (old, new):
        me = with_key(key["key"]).get("/auth/me").json()
        assert me["permissions"] == ["customers:read"]
    at_once = owner.post(f"/keys/{new['id']}/rotate", json={"overlapSeconds": 0}).json()
    assert with_key(new["key"]).get("/auth/me").status_code == 401
    assert with_key(at_once["key"]).get("/auth/me").status_code == 200


def test_scopes_narrow_and_never_widen(tenant: TestTenant, with_key: With) -> None:
    owner = tenant.client("owner")
    reader = with_key(make_key(owner, scopes=["customers:read"])["key"])
    assert reader.get("/customers").status_code == 200
    refused = reader.post("/customers", json={"type": "guest"})
    assert refused.status_code == 403
    assert refused.json()["permission"] == "customers:create"
    assert "This key's scopes leave out `customers:create`." in refused.json()["detail"]
    lacking = reader.post("/keys", json={"name": "x", "role": "pos"})
    assert "The role `pos` lacks the permission `keys:manage`." in lacking.json()["detail"]
    wide = owner.post("/keys", json={"name": "x", "role": "pos", "scopes": ["keys:manage"]})
    assert wide.status_code == 422
    # Without customers:unmask, contact data is masked.
    phone = tenant.client("pos").post("/customers", json={"name": "Amal", "phone": "+96892345678"})
    seen = reader.get(f"/customers/{phone.json()['id']}").json()
    assert seen["phone"] == "+968923****78"


def test_nobody_hands_out_what_they_have_not(tenant: TestTenant, with_key: With) -> None:
    """A key that may only manage keys is no way to an owner's."""
    owner = tenant.client("owner")
    full = make_key(owner, role="owner")
    narrow = with_key(make_key(owner, role="owner", scopes=["keys:manage"])["key"])
    for attempt in (
        narrow.post("/keys", json={"name": "x", "role": "owner"}),
        narrow.post("/keys", json={"name": "x", "role": "pos"}),
        narrow.post(f"/keys/{full['id']}/rotate", json={}),
    ):
        assert attempt.status_code == 403, attempt.text
    make_key(narrow, role="owner", scopes=["keys:manage"])


@pytest.mark.parametrize("role", ["sales_manager", "support", "pos", "auditor", "publishable"])
def test_only_owners_and_managers_manage_keys(tenant: TestTenant, role: str) -> None:
    api = tenant.client(role)
    assert api.get("/keys").status_code == 403
    assert api.post("/keys", json={"name": "x", "role": "owner"}).status_code == 403


def test_another_tenants_key_is_like_none(tenant: TestTenant, other_tenant: TestTenant) -> None:
    theirs = make_key(other_tenant.client("owner"))
    owner = tenant.client("owner")
    for path in (f"/keys/{theirs['id']}", "/keys/00000000-0000-7000-8000-000000000000"):
        assert owner.delete(path).status_code == 404
        assert owner.post(f"{path}/rotate", json={}).status_code == 404
    assert len(owner.get("/keys").json()["items"]) == 1


@pytest.mark.parametrize("change", ["checksum", "tenant", "kind", "scheme"])
def test_a_key_that_was_tampered_with(
    tenant: TestTenant, other_tenant: TestTenant, with_key: With, change: str
) -> None:
    key, other = tenant.key("owner"), other_tenant.key("owner")
    prefix, kind, place, secret = key.split("_")
    tampered = {
        "checksum": key[:-1] + ("A" if key[-1] != "A" else "B"),
        "tenant": "_".join([prefix, kind, other.split("_")[2], secret]),
        "kind": "_".join([prefix, "pk", place, secret]),
        "scheme": key.upper(),
    }[change]
    assert with_key(tampered).get("/auth/me").status_code == 401


@pytest.mark.parametrize("path", ["/keys", "/staff", "/teams"])
def test_lists_go_page_by_page(tenant: TestTenant, other_tenant: TestTenant, path: str) -> None:
    owner = tenant.client("owner")
    for number in range(4):
        make_key(owner)
        tenant.member()
        owner.post("/teams", json={"name": f"Team {number}"})
    whole = owner.get(path).json()
    assert whole["nextCursor"] is None
    seen, cursor = [], {}
    while True:
        page = owner.get(path, params={"limit": 2, **cursor}).json()
        assert len(page["items"]) <= 2
        seen += page["items"]
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert seen == whole["items"]
    assert len(seen) >= 4
    assert other_tenant.client("owner").get(path, params=cursor).status_code == 422


def test_the_operator_lists_all_keys(tenant: TestTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "LIMIT_MAX", 2)
    made = [make_key(tenant.client("owner"))["id"] for _ in range(4)]
    listed = asyncio.run(operator.list_keys(tenant.server.settings, tenant=tenant.slug))
    assert [str(key.id) for key in listed][-4:] == made


def test_a_key_for_a_member_named_in_other_letters(tenant: TestTenant) -> None:
    member = tenant.member("support")
    key = tenant.key("support", member=f" {member.email.upper()} ")
    with tenant.server.client(key) as api:
        assert api.get("/auth/me").status_code == 200


def test_a_suspended_tenant_is_served_nothing(tenant: TestTenant) -> None:
    api, settings = tenant.client("owner"), tenant.server.settings
    assert api.get("/customers").status_code == 200
    asyncio.run(operator.set_tenant_status(settings, tenant.slug, "suspended"))
    for path in ("/customers", "/auth/me", "/keys"):
        assert api.get(path).status_code == 403
    asyncio.run(operator.set_tenant_status(settings, tenant.slug, "active"))
    assert api.get("/customers").status_code == 200


def test_what_was_done_with_a_key_is_in_the_trail(tenant: TestTenant) -> None:
    owner = tenant.client("owner")
    made = make_key(owner)
    owner.post(f"/keys/{made['id']}/rotate", json={})
    owner.delete(f"/keys/{made['id']}")
    trail = owner.get("/audit", params={"limit": 10}).json()["items"]
    kinds = [event["kind"] for event in trail]
    assert kinds[:4] == ["key.revoked", "key.rotated", "key.created", "key.created"]
    assert made["key"] not in owner.get("/audit").text
    assert trail[0]["actorKind"] == "key"
    assert trail[0]["address"] == "127.0.0.1"


def test_a_rotated_key_lasts_as_long_as_the_old_one_was_made_for(tenant: TestTenant) -> None:
    ends = datetime.now(UTC) + timedelta(days=90)
    made = tenant.client().post(
        "/keys", json={"name": "Till", "role": "pos", "expiresAt": ends.isoformat()}
    )
    rotated = tenant.client().post(f"/keys/{made.json()['id']}/rotate", json={}).json()
    lasts = datetime.fromisoformat(rotated["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < lasts < timedelta(days=90, minutes=1)


def test_a_route_without_a_body_refuses_one(tenant: TestTenant) -> None:
    guest = tenant.client().post("/customers", json={"type": "guest"}).json()
    path = f"/customers/{guest['id']}/reactivate"
    assert tenant.client().post(path, json={"status": "blocked"}).status_code == 422
    assert tenant.client().post(path, json={}).status_code == 200
    assert tenant.client().post(path).status_code == 200
