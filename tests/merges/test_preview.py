"""What a merge would do is shown first, and nothing is done (SPEC 5.2)."""

from typing import Any

import httpx
import pytest

from factories.addresses import add_address
from factories.customers import create_guest, create_stub
from factories.merges import merge, read


def preview(api: httpx.Client, source: Any, target: Any, **more: Any) -> dict[str, Any]:
    body = {"sourceId": source["id"], "targetId": target["id"]} | more
    answer = api.post("/customers/merge/preview", json=body)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def test_shows_what_clashes_what_moves_and_what_comes_of_it(api: httpx.Client) -> None:
    source = create_stub(api, name="Amal", notes="Likes tea", email="amal@example.com")
    target = create_stub(api, name="Amal Al Balushi")
    add_address(api, f"/customers/{source['id']}/addresses")
    shown = preview(api, source, target, choices={"phone": "source"})
    assert {clash["field"]: clash["choice"] for clash in shown["clashes"]} == {
        "name": "target",
        "displayName": "target",
        "phone": "source",
    }
    phone = next(clash for clash in shown["clashes"] if clash["field"] == "phone")
    assert (phone["source"], phone["target"]) == (source["phone"], target["phone"])
    assert {moving["table"]: moving["count"] for moving in shown["moves"]} == {
        "org_customer_identifiers": 2,
        "org_customer_addresses_mst": 1,
        "org_customers_mst": 0,
    }
    assert shown["blockers"] == []
    result = shown["result"]
    assert (result["name"], result["phone"]) == ("Amal Al Balushi", source["phone"])
    assert (result["notes"], result["email"]) == ("Likes tea", "amal@example.com")


def test_is_what_the_merge_does(api: httpx.Client) -> None:
    source = create_stub(api, name2="أمل", email="amal@example.com", preferences={"tea": True})
    target = create_guest(api, name="Amal")
    shown = preview(api, source, target)
    assert shown["result"]["profileStatus"] == "stub"
    survivor = merge(api, source, target, choices=shown["choices"])["customer"]
    assert survivor | {"updatedAt": 0} == shown["result"] | {"updatedAt": 0}


def test_changes_nothing(api: httpx.Client) -> None:
    source, target = create_stub(api), create_stub(api)
    preview(api, source, target)
    assert (read(api, source), read(api, target)) == (source, target)
    assert api.get("/merges").json()["items"] == []


def test_says_what_blocks_it(api: httpx.Client) -> None:
    one, two, three = (create_stub(api) for _ in range(3))
    assert preview(api, one, one)["blockers"][0]["code"] == "same-customer"
    merge(api, one, two)
    shown = preview(api, one, three)
    (blocker,) = shown["blockers"]
    assert (blocker["code"], blocker["customerId"]) == ("already-merged", two["id"])
    assert shown["result"] is None
    api.post(f"/customers/{three['id']}/block", json={"reason": "fraud"})
    assert preview(api, three, two)["blockers"][0]["code"] == "blocked"
    assert preview(api, two, three)["blockers"] == []


@pytest.mark.parametrize("choices", [{"phone": "neither"}, {"tenantOrgId": "source"}])
def test_refuses_choices_that_are_none(api: httpx.Client, choices: dict[str, str]) -> None:
    body = {"sourceId": create_stub(api)["id"], "targetId": create_stub(api)["id"]}
    answer = api.post("/customers/merge/preview", json=body | {"choices": choices})
    assert answer.status_code == 422
