"""Pending, then verified or rejected (SPEC 4.4)."""

from typing import Any

import httpx
import pytest

from factories.addresses import add_address as add


def status(api: httpx.Client, addresses: str, address_id: str) -> str:
    answer: str = api.get(f"{addresses}/{address_id}").json()["verificationStatus"]
    return answer


def waiting(api: httpx.Client) -> list[str]:
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = api.get("/addresses/verification/queue", params=params).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
    return seen


def test_verified_by_whom_and_why(api: httpx.Client, addresses: str) -> None:
    one = f"{addresses}/{add(api, addresses)}"
    assert api.get(one).json()["verificationStatus"] == "pending"
    verified = api.post(f"{one}/verify", json={"notes": "Seen by the driver"}).json()
    me = api.get("/auth/me").json()
    assert verified["verificationStatus"] == "verified"
    assert (verified["verifiedBy"], verified["verifiedByName"]) == (me["id"], me["name"])
    assert verified["verificationNotes"] == "Seen by the driver"
    assert verified["verifiedAt"] is not None
    assert verified["pendingSince"] is None


def test_a_rejection_says_why(api: httpx.Client, addresses: str) -> None:
    one = f"{addresses}/{add(api, addresses)}"
    for body in ({}, {"notes": ""}, {"notes": "  "}, {"notes": None}):
        assert api.post(f"{one}/reject", json=body).status_code == 422
    assert api.get(one).json()["verificationStatus"] == "pending"
    rejected = api.post(f"{one}/reject", json={"notes": "No such street"}).json()
    assert rejected["verificationStatus"] == "rejected"
    assert rejected["verificationNotes"] == "No such street"


@pytest.mark.parametrize("decision", ["verify", "reject"])
def test_is_decided_once(api: httpx.Client, addresses: str, decision: str) -> None:
    one = f"{addresses}/{add(api, addresses)}"
    decided = api.post(f"{one}/{decision}", json={"notes": "First"}).json()
    for again in ("verify", "reject"):
        assert api.post(f"{one}/{again}", json={"notes": "Again"}).status_code == 409
    assert api.get(one).json() == decided


@pytest.mark.parametrize("decision", ["verify", "reject"])
def test_a_new_place_is_pending_again(api: httpx.Client, addresses: str, decision: str) -> None:
    one = f"{addresses}/{add(api, addresses)}"
    decided = api.post(f"{one}/{decision}", json={"notes": "Yes"}).json()
    kept = api.patch(one, json={"label": "Shop", "deliveryNotes": "Ring twice", "type": "work"})
    assert kept.json()["verificationStatus"] == decided["verificationStatus"]
    moved = api.patch(one, json={"street": "Another"}).json()
    assert moved["verificationStatus"] == "pending"
    assert moved["verifiedBy"] is moved["verifiedAt"] is moved["verificationNotes"] is None
    assert moved["pendingSince"] > decided["verifiedAt"]


def test_the_queue_has_what_waits_the_longest_first(api: httpx.Client, addresses: str) -> None:
    ids = [add(api, addresses) for _ in range(5)]
    assert waiting(api) == ids
    api.post(f"{addresses}/{ids[1]}/verify")
    api.post(f"{addresses}/{ids[0]}/verify")
    api.patch(f"{addresses}/{ids[0]}", json={"street": "Another"})
    assert waiting(api) == [*ids[2:], ids[0]]
    item = api.get("/addresses/verification/queue").json()["items"][0]
    assert item["customerNumber"].startswith("CUST-")
    assert item["customerDisplayName"]


def test_statistics_count_what_is_there(api: httpx.Client, addresses: str) -> None:
    ids = [add(api, addresses) for _ in range(4)]
    api.post(f"{addresses}/{ids[0]}/verify")
    api.post(f"{addresses}/{ids[1]}/verify")
    api.post(f"{addresses}/{ids[2]}/reject", json={"notes": "No"})
    counted = api.get("/addresses/verification/statistics").json()
    assert (counted["total"], counted["pending"]) == (4, 1)
    assert (counted["verified"], counted["rejected"]) == (2, 1)
    last = api.get(f"{addresses}/{ids[3]}").json()
    assert counted["oldestPendingSince"] == last["pendingSince"]
    me = api.get("/auth/me").json()
    assert counted["deciders"] == [
        {"decidedBy": me["id"], "name": me["name"], "verified": 2, "rejected": 1}
    ]


def test_in_bulk_each_has_its_own_outcome(
    api: httpx.Client, addresses: str, foreign: httpx.Client, foreign_addresses: str
) -> None:
    customer_id = addresses.split("/")[2]
    ids = [add(api, addresses) for _ in range(3)]
    theirs = add(foreign, foreign_addresses)
    items: list[dict[str, Any]] = [
        {"addressId": ids[0], "decision": "verified", "notes": "Seen"},
        {"addressId": theirs, "decision": "verified"},
        {"addressId": ids[1], "decision": "rejected", "notes": "No such street"},
        {"addressId": ids[0], "decision": "rejected", "notes": "Twice"},
        {
            "addressId": theirs,
            "customerId": foreign_addresses.split("/")[2],
            "decision": "verified",
        },
        {"addressId": ids[2], "customerId": ids[2], "decision": "verified"},
    ]
    items = [{"customerId": customer_id} | item for item in items]
    result = api.post("/addresses/verification/bulk", json={"items": items}).json()
    assert [item["outcome"] for item in result["items"]] == [
        "verified", "notFound", "rejected", "alreadyDecided", "notFound", "notFound",
    ]  # fmt: skip
    assert (result["decided"], result["refused"]) == (2, 4)
    assert [status(api, addresses, one) for one in ids] == ["verified", "rejected", "pending"]
    assert status(foreign, foreign_addresses, theirs) == "pending"


def test_in_bulk_what_is_malformed_decides_nothing(api: httpx.Client, addresses: str) -> None:
    item = {
        "customerId": addresses.split("/")[2],
        "addressId": add(api, addresses),
        "decision": "verified",
    }
    unexplained = item | {"decision": "rejected"}
    for items in ([], [item] * 201, [item, unexplained], [item, item | {"decision": "maybe"}]):
        refused = api.post("/addresses/verification/bulk", json={"items": items})
        assert refused.status_code == 422
    assert waiting(api) == [item["addressId"]]
