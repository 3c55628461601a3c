"""A merge is taken back from its manifest, the last one first (SPEC 5.4)."""

from typing import Any

import httpx
import pytest

from factories.addresses import add_address
from factories.codes import new_mobile, send_code
from factories.customers import create_guest, create_stub, new_phone
from factories.database import as_role
from factories.merges import addresses_of, merge, read, undo
from factories.tenants import TestTenant


def contents(api: httpx.Client, *customers: Any) -> list[bytes]:
    """Both customers and their addresses, as they go over the wire."""
    paths = [
        f"/customers/{customer['id']}{part}"
        for customer in customers
        for part in ("", "/addresses")
    ]
    return [api.get(path).content for path in paths]


def patch(api: httpx.Client, customer: Any, **fields: Any) -> dict[str, Any]:
    answer = api.patch(f"/customers/{customer['id']}", json=fields)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def take_phone(tenant: TestTenant, phone: str) -> dict[str, Any]:
    """Somebody else verifies it, as when a number was handed out again."""
    body = {
        "type": "full",
        "name": "The new holder",
        "phone": phone,
        "otpCode": send_code(tenant, phone),
        "claimPhone": True,
    }
    answer = tenant.client().post("/customers", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


FIELDS = {
    "name2": "أمل",
    "dateOfBirth": "1990-02-28",
    "email": "Amal@example.com",
    "notes": "Likes tea",
    "preferences": {"n": 1, "x": 1.5, "list": ["ا", None]},
    "annualRevenue": {"amount": "12.500", "currency": "OMR"},
    "locale": "ar",
}


@pytest.mark.parametrize("side", ["source", "target"])
def test_both_are_as_before_to_the_byte(api: httpx.Client, side: str) -> None:
    source = create_stub(api, **FIELDS)
    target = create_guest(api, name="Salim") if side == "source" else create_stub(api, notes="x")
    for city in ("Muscat", "Nizwa"):
        add_address(api, f"/customers/{source['id']}/addresses", city=city)
    api.post(f"/customers/{source['id']}/verify-identity", json={"how": "passport"})
    before = contents(api, source, target)
    choices = {} if side == "source" else {"phone": "source", "name": "source", "notes": "source"}
    undone = undo(api, merge(api, source, target, choices=choices))
    assert contents(api, source, target) == before
    assert undone["undoReport"] == {"fields": [], "contacts": [], "rows": []}
    assert undone["undoneByName"] == "manager"


def test_defaults_are_as_before(api: httpx.Client) -> None:
    source, target = create_stub(api), create_stub(api)
    for customer in (source, source, target):
        add_address(api, f"/customers/{customer['id']}/addresses")
    before = contents(api, source, target)
    undo(api, merge(api, source, target))
    assert contents(api, source, target) == before


def test_versions_only_grow(api: httpx.Client) -> None:
    source, target = create_stub(api), create_stub(api)
    path = f"/customers/{source['id']}"
    before = api.get(path).headers["etag"]
    undo(api, merge(api, source, target))
    assert api.get(path).headers["etag"] != before
    stale = api.patch(path, json={"notes": "x"}, headers={"If-Match": before})
    assert stale.status_code == 412


def test_old_ways_find_the_source_again(api: httpx.Client) -> None:
    source, target = create_stub(api, email="amal@example.com"), create_stub(api)
    undo(api, merge(api, source, target))
    for question in ({"phone": source["phone"]}, {"email": "amal@example.com"}):
        found = api.get("/customers", params=question).json()["items"]
        assert [customer["id"] for customer in found] == [source["id"]]
    assert read(api, source)["mergedFrom"] is None


def test_a_field_edited_since_stays_and_is_reported(api: httpx.Client) -> None:
    source = create_stub(api, notes="Likes tea", honorific="Dr", locale="ar")
    target = create_stub(api)
    done = merge(api, source, target)
    patch(api, target, notes="Likes coffee now", industry="Tea")
    undone = undo(api, done)
    assert undone["undoReport"]["fields"] == [{"field": "notes", "customerId": target["id"]}]
    assert undone["target"]["notes"] == "Likes coffee now"
    assert undone["target"]["industry"] == "Tea"
    assert (undone["target"]["honorific"], undone["target"]["locale"]) == (None, None)
    assert undone["source"] == source


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_phone_taken_since_stays_there(api: httpx.Client, tenant: TestTenant, side: str) -> None:
    """Whether the survivor had it as an alias or as its own."""
    source, target = create_stub(api, phone=new_mobile()), create_stub(api)
    done = merge(api, source, target, choices={"phone": side})
    holder = take_phone(tenant, source["phone"])
    undone = undo(api, done)
    assert undone["undoReport"]["contacts"] == [
        {
            "outcome": "taken",
            "phone": source["phone"],
            "email": None,
            "externalId": None,
            "customerId": holder["id"],
        }
    ]
    assert read(api, holder) == holder
    assert undone["source"]["phone"] is None
    assert undone["target"]["phone"] == target["phone"]
    found = api.get("/customers", params={"phone": source["phone"]}).json()["items"]
    assert [customer["id"] for customer in found] == [holder["id"]]


def test_the_survivors_own_phone_taken_since_stays_there(
    api: httpx.Client, tenant: TestTenant
) -> None:
    source, target = create_stub(api), create_stub(api, phone=new_mobile())
    done = merge(api, source, target, choices={"phone": "source"})
    holder = take_phone(tenant, target["phone"])
    undone = undo(api, done)
    assert undone["target"]["phone"] is None
    assert undone["source"]["phone"] == source["phone"]
    (contact,) = undone["undoReport"]["contacts"]
    assert (contact["outcome"], contact["customerId"]) == ("taken", holder["id"])


def test_a_phone_given_up_since_comes_back(api: httpx.Client) -> None:
    source, target = create_stub(api), create_stub(api)
    done = merge(api, source, target, choices={"phone": "source"})
    later = patch(api, target, phone=new_phone())
    undone = undo(api, done)
    assert undone["source"]["phone"] == source["phone"]
    assert undone["target"]["phone"] == later["phone"]
    report = undone["undoReport"]
    assert report["fields"] == [{"field": "phone", "customerId": target["id"]}]
    assert [c["outcome"] for c in report["contacts"]] == ["restored"]
    found = api.get("/customers", params={"phone": source["phone"]}).json()["items"]
    assert [customer["id"] for customer in found] == [source["id"]]


def test_an_alias_that_the_survivor_made_its_own_stays(api: httpx.Client) -> None:
    source, target = create_stub(api), create_stub(api)
    done = merge(api, source, target)
    patch(api, target, phone=source["phone"])
    undone = undo(api, done)
    assert undone["target"]["phone"] == source["phone"]
    assert undone["source"]["phone"] is None
    assert undone["undoReport"]["contacts"][0]["customerId"] == target["id"]


def test_a_guest_that_got_a_phone_since_stays_a_stub(api: httpx.Client) -> None:
    source, target = create_stub(api), create_guest(api)
    done = merge(api, source, target)
    patch(api, target, phone=new_phone())
    undone = undo(api, done)
    assert undone["target"]["profileStatus"] == "stub"
    fields = {kept["field"] for kept in undone["undoReport"]["fields"]}
    assert fields == {"phone", "profileStatus"}


def test_addresses_touched_since_are_reported(api: httpx.Client) -> None:
    source, target = create_stub(api), create_stub(api)
    at_source, at_target = (f"/customers/{c['id']}/addresses" for c in (source, target))
    same, gone, edited = (add_address(api, at_source) for _ in range(3))
    done = merge(api, source, target)
    assert api.delete(f"{at_target}/{gone}").status_code == 204
    api.patch(f"{at_target}/{edited}", json={"city": "Nizwa"})
    added = add_address(api, at_target)
    report = undo(api, done)["undoReport"]["rows"]
    assert {(row["id"], row["outcome"], row["customerId"]) for row in report} == {
        (gone, "gone", None),
        (edited, "edited", source["id"]),
        (added, "added", target["id"]),
    }
    assert {a["id"]: a["city"] for a in addresses_of(api, source)} == {
        edited: "Nizwa",
        same: "Muscat",
    }
    assert [a["id"] for a in addresses_of(api, target)] == [added]
    for customer in (source, target):
        assert sum(a["isDefault"] for a in addresses_of(api, customer)) == 1


def test_a_default_chosen_since_leaves_one_each(api: httpx.Client) -> None:
    source, target = create_stub(api), create_stub(api)
    moved = add_address(api, f"/customers/{source['id']}/addresses")
    own = add_address(api, f"/customers/{target['id']}/addresses")
    done = merge(api, source, target)
    api.post(f"/customers/{target['id']}/addresses/{moved}/default")
    undo(api, done)
    for customer, address in ((source, moved), (target, own)):
        assert [(a["id"], a["isDefault"]) for a in addresses_of(api, customer)] == [(address, True)]


def test_the_last_merge_first(api: httpx.Client) -> None:
    one, two, three, four = (create_stub(api) for _ in range(4))
    before = contents(api, one, two, three, four)
    first = merge(api, one, two)
    second = merge(api, three, two)
    third = merge(api, two, four)
    for early, later in ((first, third), (second, third)):
        refused = api.post(f"/merges/{early['id']}/undo")
        assert refused.status_code == 409
        assert refused.json()["mergeId"] == later["id"]
    undo(api, third)
    assert read(api, one)["id"] == two["id"]
    assert api.post(f"/merges/{first['id']}/undo").json()["mergeId"] == second["id"]
    undo(api, second)
    undo(api, first)
    assert contents(api, one, two, three, four) == before


def test_once(api: httpx.Client) -> None:
    done = merge(api, create_stub(api), create_stub(api))
    undo(api, done)
    refused = api.post(f"/merges/{done['id']}/undo")
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/already-undone")


def test_merged_again_after_an_undo(api: httpx.Client) -> None:
    source, target = create_stub(api), create_stub(api)
    before = contents(api, source, target)
    undo(api, merge(api, source, target))
    undo(api, merge(api, target, source))
    undo(api, merge(api, source, target))
    assert contents(api, source, target) == before


def test_the_window_is_the_tenants(api: httpx.Client, tenant: TestTenant) -> None:
    with as_role(tenant.server.settings) as platform:
        platform.execute(
            "update sys_tenants_mst set policies = policies || '{\"merge_undo_days\": 0}'"
            " where id = %s",
            [tenant.id],
        )
    done = merge(api, create_stub(api), create_stub(api))
    assert done["undoUntil"] == done["mergedAt"]
    refused = api.post(f"/merges/{done['id']}/undo")
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/undo-window-over")
