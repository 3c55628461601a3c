"""Edits with ETags, the life of a customer's status, and phones that change hands."""

import httpx
import pytest

from factories.codes import new_mobile, send_code
from factories.customers import create_guest, create_stub, new_phone
from factories.tenants import TestTenant


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition("/")[2]


def path_of(customer: dict[str, object]) -> str:
    return f"/customers/{customer['id']}"


def test_two_editors_of_one_version(api: httpx.Client) -> None:
    path = path_of(create_stub(api))
    etag = api.get(path).headers["ETag"]
    first = api.patch(path, json={"notes": "first"}, headers={"If-Match": etag})
    assert first.status_code == 200
    assert first.headers["ETag"] != etag
    second = api.patch(path, json={"notes": "second"}, headers={"If-Match": etag})
    assert second.status_code == 412
    assert api.get(path).json()["notes"] == "first"
    fresh = {"If-Match": first.headers["ETag"]}
    assert api.patch(path, json={"notes": "second"}, headers=fresh).status_code == 200
    assert api.patch(path, json={"notes": "third"}).status_code == 200


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("block", {"reason": "fraud"}),
        ("reactivate", None),
        ("verify-identity", {"how": "passport"}),
    ],
)
def test_verbs_heed_the_version_too(
    api: httpx.Client, verb: str, body: dict[str, str] | None
) -> None:
    path = path_of(create_stub(api))
    late = api.post(f"{path}/{verb}", json=body, headers={"If-Match": '"7"'})
    assert (late.status_code, slug(late)) == (412, "precondition-failed")
    assert api.get(path).headers["ETag"] == '"1"'
    assert api.post(f"{path}/{verb}", json=body, headers={"If-Match": '"1"'}).status_code == 200


@pytest.mark.parametrize(
    "etag", ["garbage", '"', 'W/"1"', '""', '"99999999999999999999"', "1", ","]
)
def test_an_etag_of_another_form_matches_nothing(api: httpx.Client, etag: str) -> None:
    path = path_of(create_stub(api))
    for method, body in (("PATCH", {"notes": "x"}), ("DELETE", None)):
        answer = api.request(method, path, json=body, headers={"If-Match": etag})
        assert answer.status_code == 412
    assert api.get(path).headers["ETag"] == '"1"'


def test_absent_is_unchanged_and_null_is_empty(api: httpx.Client) -> None:
    made = create_stub(api, notes="old", email="amal@example.com", industry="Tea")
    path = path_of(made)
    patched = api.patch(path, json={"notes": None, "email": None}).json()
    assert (patched["notes"], patched["email"], patched["industry"]) == (None, None, "Tea")
    assert create_stub(api, email="amal@example.com")["email"] == "amal@example.com"
    for needed in ({"phone": None}, {"name": None}):
        assert api.patch(path, json=needed).status_code == 422, needed


def test_a_patch_that_changes_nothing_leaves_no_trace(api: httpx.Client) -> None:
    made = create_stub(api, notes="same")
    answer = api.patch(path_of(made), json={"notes": "same", "phone": made["phone"]})
    assert answer.headers["ETag"] == '"1"'
    history = api.get(path_of(made) + "/history").json()["items"]
    assert [event["kind"] for event in history] == ["customer.created"]


def test_the_display_name_follows_the_name_until_somebody_chooses_one(api: httpx.Client) -> None:
    path = path_of(create_stub(api, name="Amal"))
    assert api.patch(path, json={"name": "Amal B"}).json()["displayName"] == "Amal B"
    api.patch(path, json={"displayName": "Mrs B"})
    assert api.patch(path, json={"name": "Amal C"}).json()["displayName"] == "Mrs B"
    assert api.patch(path, json={"displayName": None}).json()["displayName"] == "Amal C"


def test_deactivated_reactivated_blocked(api: httpx.Client, tenant: TestTenant) -> None:
    made = create_stub(api)
    path = path_of(made)
    assert api.delete(path).json()["status"] == "inactive"
    assert api.delete(path).json()["status"] == "inactive"
    # The phone stays taken, and the customer findable.
    assert slug(api.post("/customers", json={"name": "B", "phone": made["phone"]})) == "phone-taken"
    assert api.post(f"{path}/reactivate").json()["status"] == "active"
    blocked = api.post(f"{path}/block", json={"reason": "fraud"})
    assert blocked.json()["status"] == "blocked"
    assert slug(api.delete(path)) == "customer-blocked"
    with_team = tenant.client("pos")
    assert with_team.post(f"{path}/reactivate").status_code == 403
    assert api.post(f"{path}/reactivate").json()["status"] == "active"
    kinds = [event["kind"] for event in api.get(f"{path}/history").json()["items"]]
    assert kinds == [
        "customer.reactivated",
        "customer.blocked",
        "customer.reactivated",
        "customer.deactivated",
        "customer.created",
    ]


def test_each_move_along_the_journey_is_recorded(api: httpx.Client) -> None:
    made = create_stub(api)
    assert made["journeyStage"] == "prospect"
    path = path_of(made)
    for stage in ("lead", "waiting"):
        assert api.patch(path, json={"journeyStage": stage}).json()["journeyStage"] == stage
    assert api.patch(path, json={"journeyStage": "nowhere"}).status_code == 422
    moves = [
        (event["before"]["journeyStage"], event["after"]["journeyStage"])
        for event in api.get(f"{path}/history").json()["items"]
        if event["kind"] == "customer.stage_moved"
    ]
    assert moves == [("lead", "waiting"), ("prospect", "lead")]


def test_a_changed_phone_is_unverified_unless_it_is_proved(
    tenant: TestTenant, api: httpx.Client
) -> None:
    first, second, third = new_mobile(), new_mobile(), new_mobile()
    body = {"type": "full", "name": "Amal", "phone": first, "otpCode": send_code(tenant, first)}
    full = api.post("/customers", json=body).json()
    assert full["phoneVerified"] is True
    path = path_of(full)
    changed = api.patch(path, json={"phone": second}).json()
    assert (changed["phone"], changed["phoneVerified"]) == (second, False)
    code = send_code(tenant, third, "phone_change")
    proved = api.patch(path, json={"phone": third, "otpCode": code}).json()
    assert (proved["phone"], proved["phoneVerified"]) == (third, True)
    # The phones that were given up are free.
    for phone in (first, second):
        create_stub(api, phone=phone)


def test_a_recycled_number_moves_to_who_proves_it(tenant: TestTenant, api: httpx.Client) -> None:
    phone = new_mobile()
    former = create_stub(api, name="Salma", phone=phone, notes="kept", email="s@example.com")
    body = {"type": "full", "name": "Badr", "phone": phone, "claimPhone": True}
    unproved = api.post("/customers", json=body | {"type": "stub"})
    assert [error["field"] for error in unproved.json()["errors"]] == ["claimPhone"]
    edited = api.patch(path_of(create_guest(api)), json={"claimPhone": True})
    assert [error["field"] for error in edited.json()["errors"]] == ["claimPhone"]
    code = send_code(tenant, phone)
    taken = api.post("/customers", json=body | {"otpCode": code, "claimPhone": False})
    assert slug(taken) == "phone-taken"
    assert "claimPhone" in taken.json()["detail"]
    claimed = api.post("/customers", json=body | {"otpCode": code})
    assert claimed.status_code == 201, claimed.text
    left = api.get(path_of(former)).json()
    assert (left["phone"], left["notes"], left["email"]) == (None, "kept", "s@example.com")
    found = api.post("/customers/find-or-create", json={"phone": phone}).json()
    assert found["customer"]["id"] == claimed.json()["id"]
    kinds = [e["kind"] for e in api.get(path_of(former) + "/history").json()["items"]]
    assert kinds[0] == "customer.phone_released"


def test_a_guest_is_not_edited_into_a_stub(api: httpx.Client) -> None:
    path = path_of(create_guest(api))
    assert api.patch(path, json={"phone": new_phone()}).status_code == 422
    assert api.patch(path, json={"profileStatus": "full"}).status_code == 422
    assert api.patch(path, json={"notes": "by the window"}).json()["notes"] == "by the window"


def test_identity_verified_sets_since_when(api: httpx.Client) -> None:
    path = path_of(create_stub(api))
    first = api.post(f"{path}/verify-identity", json={"how": "passport"}).json()
    assert first["identityVerified"] is True
    assert first["identityVerification"]["how"] == "passport"
    again = api.post(f"{path}/verify-identity", json={"how": "national id"}).json()
    assert again["customerSince"] == first["customerSince"] is not None
