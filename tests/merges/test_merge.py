"""One transaction moves everything to the survivor, which the old ids go on finding (SPEC 5.2)."""

import uuid

import httpx
import pytest

from factories.addresses import add_address
from factories.codes import new_mobile, send_code
from factories.customers import create_guest, create_stub
from factories.merges import addresses_of, ask, merge, read
from factories.tenants import TestTenant


def test_the_survivor_keeps_its_own_and_takes_what_it_lacks(api: httpx.Client) -> None:
    source = create_stub(api, name="Amal", notes="Likes tea", honorific="Dr")
    target = create_stub(api, name="Amal Al Balushi", notes="Likes coffee")
    done = merge(api, source, target, reason="came twice")
    survivor = done["customer"]
    assert survivor["id"] == target["id"]
    assert survivor["customerNumber"] == target["customerNumber"]
    assert (survivor["name"], survivor["notes"]) == ("Amal Al Balushi", "Likes coffee")
    assert survivor["honorific"] == "Dr"
    assert done["reason"] == "came twice"
    assert api.get(f"/merges/{done['id']}").json()["sourceNumber"] == source["customerNumber"]
    assert [item["id"] for item in api.get("/merges").json()["items"]] == [done["id"]]


def test_takes_each_field_from_the_side_that_was_chosen(api: httpx.Client) -> None:
    source = create_stub(
        api,
        firstName="Sara",
        lastName="Al Harthy",
        name="Sara Al Harthy",
        annualRevenue={"amount": "12.500", "currency": "OMR"},
        preferences={"tea": True},
    )
    target = create_stub(
        api, name="Amal", annualRevenue={"amount": "7.00", "currency": "USD"}, preferences={"a": 1}
    )
    chosen = {"name": "source", "annualRevenue": "source", "preferences": "source"}
    survivor = merge(api, source, target, choices=chosen)["customer"]
    for field in ("name", "firstName", "lastName", "displayName", "annualRevenue", "preferences"):
        assert survivor[field] == source[field]
    assert survivor["phone"] == target["phone"]


def test_a_verified_phone_comes_with_its_verification(
    api: httpx.Client, tenant: TestTenant
) -> None:
    phone = new_mobile()
    body = {"type": "full", "name": "Amal", "phone": phone, "otpCode": send_code(tenant, phone)}
    source = api.post("/customers", json=body).json()
    target = create_stub(api)
    survivor = merge(api, source, target)["customer"]
    assert (survivor["phone"], survivor["profileStatus"]) == (phone, "full")
    assert survivor["phoneVerification"] == source["phoneVerification"]


def test_a_guest_that_survives_is_no_guest_any_more(api: httpx.Client) -> None:
    source, target = create_stub(api), create_guest(api)
    survivor = merge(api, source, target)["customer"]
    assert survivor["profileStatus"] == "stub"
    assert (survivor["phone"], survivor["displayName"]) == (source["phone"], source["displayName"])
    assert survivor["expiresAt"] is None


def test_a_choice_cannot_take_the_phone_away(api: httpx.Client) -> None:
    source, target = create_stub(api), create_guest(api)
    refused = ask(api, source, target, choices={"phone": "target"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "choices.phone"
    assert read(api, source) == source


def test_every_old_way_finds_the_survivor(api: httpx.Client) -> None:
    source = create_stub(api, name="Zuwaina Al Mahrooqi", email="Zuwaina@example.com")
    target = create_stub(api, name="Salim", email="salim@example.com")
    merge(api, source, target)
    by_id = read(api, source)
    assert by_id["id"] == target["id"]
    assert by_id["mergedFrom"] == {"id": source["id"], "customerNumber": source["customerNumber"]}
    by_number = api.get(f"/customers/by-number/{source['customerNumber']}").json()
    assert by_number["id"] == target["id"]
    for question in (
        {"phone": source["phone"]},
        {"email": "zuwaina@example.com"},
        {"search": source["phone"]},
        {"search": "zuwaina@example.com"},
        {"search": source["customerNumber"]},
    ):
        found = api.get("/customers", params=question).json()["items"]
        assert [customer["id"] for customer in found] == [target["id"]], question
    till = api.post("/customers/find-or-create", json={"phone": source["phone"], "name": "Z"})
    assert till.json()["outcome"] == "matched"
    assert till.json()["customer"]["id"] == target["id"]
    taken = api.post("/customers", json={"type": "stub", "name": "Z", "phone": source["phone"]})
    assert (taken.status_code, taken.json()["customerId"]) == (409, target["id"])


def test_addresses_move_and_one_stays_the_default(api: httpx.Client) -> None:
    source, target = create_stub(api), create_stub(api)
    moved = add_address(api, f"/customers/{source['id']}/addresses")
    own = add_address(api, f"/customers/{target['id']}/addresses")
    merge(api, source, target)
    found = {item["id"]: item["isDefault"] for item in addresses_of(api, target)}
    assert found == {moved: False, own: True}
    assert addresses_of(api, source) == addresses_of(api, target)


def test_a_default_comes_along_where_there_was_none(api: httpx.Client) -> None:
    source, target = create_stub(api), create_stub(api)
    moved = add_address(api, f"/customers/{source['id']}/addresses")
    merge(api, source, target)
    assert [(a["id"], a["isDefault"]) for a in addresses_of(api, target)] == [(moved, True)]


def test_who_was_merged_before_comes_along(api: httpx.Client) -> None:
    one, two, three = (create_stub(api) for _ in range(3))
    merge(api, one, two)
    merge(api, two, three)
    assert read(api, one)["id"] == three["id"]
    assert read(api, one)["mergedFrom"]["id"] == one["id"]
    assert [c["id"] for c in api.get("/customers").json()["items"]] == [three["id"]]


def test_a_second_merge_names_the_survivor(api: httpx.Client) -> None:
    one, two, three = (create_stub(api) for _ in range(3))
    merge(api, one, two)
    for source, target in ((one, two), (one, three), (three, one)):
        refused = ask(api, source, target)
        assert refused.status_code == 409
        assert refused.json()["type"].endswith("/already-merged")
        assert refused.json()["customerId"] == two["id"]
    assert ask(api, two, two).status_code == 422


def test_an_idempotency_key_makes_a_retry_safe(api: httpx.Client) -> None:
    source, target = create_stub(api), create_stub(api)
    body = {"sourceId": source["id"], "targetId": target["id"]}
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    first, again = (api.post("/customers/merge", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()


def test_a_block_cannot_be_merged_away(api: httpx.Client) -> None:
    blocked, other = create_stub(api), create_stub(api)
    api.post(f"/customers/{blocked['id']}/block", json={"reason": "fraud"})
    assert ask(api, blocked, other).json()["type"].endswith("/merge-blocked")
    assert merge(api, other, blocked)["customer"]["status"] == "blocked"


def test_who_is_active_somewhere_is_active(api: httpx.Client) -> None:
    source, target = create_stub(api), create_stub(api)
    api.delete(f"/customers/{target['id']}")
    assert merge(api, source, target)["customer"]["status"] == "active"


def test_both_histories_tell_of_it(api: httpx.Client, tenant: TestTenant) -> None:
    source, target = create_stub(api), create_stub(api)
    done = merge(api, source, target, reason="came twice")
    trail = api.get("/audit").json()["items"]
    by_kind = {event["kind"]: event for event in trail}
    merged, away = by_kind["customer.merged"], by_kind["customer.merged_away"]
    assert (merged["subjectId"], away["subjectId"]) == (target["id"], source["id"])
    assert merged["after"]["mergeId"] == done["id"]
    assert merged["after"]["reason"] == "came twice"
    assert "person_id" not in merged["after"]


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 201), ("pos", 403), ("support", 403), ("auditor", 403)]
)
def test_who_may_merge(api: httpx.Client, tenant: TestTenant, role: str, status: int) -> None:
    assert ask(tenant.client(role), create_stub(api), create_stub(api)).status_code == status
