"""The id that a customer has in another system of the business."""

import httpx
import pytest

from factories.customers import create_guest, create_stub
from factories.tenants import TestTenant


@pytest.fixture
def api(tenant: TestTenant) -> httpx.Client:
    return tenant.client("owner")


def found(api: httpx.Client, external_id: str) -> list[str]:
    answer = api.get("/customers", params={"externalId": external_id})
    assert answer.status_code == 200, answer.text
    return [customer["id"] for customer in answer.json()["items"]]


def test_a_customer_is_found_by_it(api: httpx.Client) -> None:
    made = create_stub(api, externalId="  Shop-207119551 ")
    assert made["externalId"] == "Shop-207119551"
    assert found(api, "Shop-207119551") == [made["id"]]
    assert found(api, "shop-207119551") == []
    answer = api.post("/customers/find-or-create", json={"externalId": "Shop-207119551"})
    assert (answer.json()["outcome"], answer.json()["matchedBy"]) == ("matched", "externalId")


def test_no_two_customers_share_one(api: httpx.Client, other_tenant: TestTenant) -> None:
    made = create_stub(api, externalId="A-1")
    answer = api.post("/customers", json={"type": "guest", "externalId": "A-1"})
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/external-id-taken")
    assert answer.json()["customerId"] == made["id"]
    guest = create_guest(api)
    assert api.patch(f"/customers/{guest['id']}", json={"externalId": "A-1"}).status_code == 409
    create_stub(other_tenant.client("owner"), externalId="A-1")


def test_one_that_was_given_up_is_free(api: httpx.Client) -> None:
    made = create_stub(api, externalId="A-1")
    for freed in ("A-2", None):
        changed = api.patch(f"/customers/{made['id']}", json={"externalId": freed})
        assert changed.json()["externalId"] == freed
    for external_id in ("A-1", "A-2"):
        create_stub(api, externalId=external_id)


def test_a_merge_keeps_it_as_an_alias_and_an_undo_hands_it_back(api: httpx.Client) -> None:
    source, target = (create_stub(api, externalId=text) for text in ("A-1", "A-2"))
    pair = {"sourceId": source["id"], "targetId": target["id"]}
    merged = api.post("/customers/merge", json=pair).json()
    assert found(api, "A-1") == found(api, "A-2") == [target["id"]]
    assert api.get(f"/customers/{target['id']}").json()["externalId"] == "A-2"
    assert api.post("/customers", json={"type": "guest", "externalId": "A-1"}).status_code == 409

    assert api.post(f"/merges/{merged['id']}/undo").status_code == 200
    assert found(api, "A-1") == [source["id"]]
    assert api.get(f"/customers/{source['id']}").json()["externalId"] == "A-1"


@pytest.mark.parametrize("text", ["", "x" * 101, "a\u202eb"])
def test_what_cannot_be_one(text: str, api: httpx.Client) -> None:
    answer = api.post("/customers", json={"type": "guest", "externalId": text})
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {"externalId"}


def test_a_blank_one_is_none(api: httpx.Client) -> None:
    assert create_guest(api, externalId="  ")["externalId"] is None
    assert create_guest(api, externalId="  ")["externalId"] is None


def test_search_finds_a_customer_and_whom_it_took_in_by_it(api: httpx.Client) -> None:
    source, target = create_stub(api, externalId="X-1"), create_stub(api)
    pair = {"sourceId": source["id"], "targetId": target["id"]}
    for wanted in (source, target):
        [only] = api.get("/customers", params={"search": "X-1"}).json()["items"]
        assert (only["id"], only["matchedBy"]) == (wanted["id"], "externalId")
        api.post("/customers/merge", json=pair)
