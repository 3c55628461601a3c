"""Taking an import back."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from factories.addresses import add_address
from factories.customers import create_stub, new_phone
from factories.imports import Importing

Begin = Callable[..., Importing]
HEADER = ["Name", "Phone", "E-mail", "City"]


def read(api: httpx.Client, customer_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/customers/{customer_id}").json()
    return found


def test_everything_goes_back(api: httpx.Client, begin: Begin) -> None:
    there = create_stub(api, name="Amal", email="old@example.com")
    before = read(api, there["id"])
    fresh = new_phone()
    importing = begin(
        HEADER,
        ["Amal Al Balushi", there["phone"], "new@example.com", "Muscat"],
        ["New", fresh, "fresh@example.com", "Salalah"],
    )
    importing.run()
    made = importing.rows("created")[0]["customerId"]
    state = importing.revert()
    assert (state["status"], importing.counts) == ("reverted", {"reverted": 2})
    now = read(api, there["id"])
    assert now | {"updatedAt": before["updatedAt"]} == before
    assert api.get(f"/customers/{there['id']}/addresses").json()["items"] == []
    gone = read(api, made)
    assert (gone["status"], gone["displayName"], gone["name"]) == ("erased", "Removed", None)
    assert (gone["phone"], gone["email"], gone["customerNumber"]) == (None, None, "CUST-00002")
    assert [c["id"] for c in api.get("/customers").json()["items"]] == [there["id"]]
    # Phones and e-mails are free, and the number is not given out again.
    for email in ("new@example.com", "fresh@example.com"):
        create_stub(api, email=email)
    assert create_stub(api, phone=fresh)["customerNumber"] == "CUST-00005"


def test_the_file_can_be_imported_again_then(api: httpx.Client, begin: Begin) -> None:
    rows = [HEADER, ["New", new_phone(), "fresh@example.com", "Salalah"]]
    first = begin(*rows)
    first.run()
    first.revert()
    again = begin(*rows)
    again.run()
    assert again.counts == {"created": 1}


def test_whose_default_address_goes_has_another(api: httpx.Client, begin: Begin) -> None:
    there = create_stub(api, name="Amal")
    importing = begin(HEADER, ["Amal", there["phone"], "", "Muscat"])
    importing.run()
    add_address(api, f"/customers/{there['id']}/addresses", city="Sohar")
    importing.revert()
    left = api.get(f"/customers/{there['id']}/addresses").json()["items"]
    assert [(place["city"], place["isDefault"]) for place in left] == [("Sohar", True)]


def change_name(api: httpx.Client, customer_id: str) -> None:
    assert api.patch(f"/customers/{customer_id}", json={"name": "Changed"}).status_code == 200


def add_a_place(api: httpx.Client, customer_id: str) -> None:
    add_address(api, f"/customers/{customer_id}/addresses", city="Sohar")


def change_the_place(api: httpx.Client, customer_id: str) -> None:
    path = f"/customers/{customer_id}/addresses"
    [place] = api.get(path).json()["items"]
    assert api.patch(f"{path}/{place['id']}", json={"city": "Nizwa"}).status_code == 200


def merge_into_it(api: httpx.Client, customer_id: str) -> None:
    pair = {"sourceId": create_stub(api)["id"], "targetId": customer_id}
    assert api.post("/customers/merge", json=pair).status_code == 201


def block(api: httpx.Client, customer_id: str) -> None:
    answer = api.post(f"/customers/{customer_id}/block", json={"reason": "x"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "touch", [change_name, add_a_place, change_the_place, merge_into_it, block]
)
def test_who_was_touched_since_stays(
    touch: Callable[[httpx.Client, str], None], api: httpx.Client, begin: Begin
) -> None:
    importing = begin(HEADER, ["New", new_phone(), "", "Salalah"], ["Next", new_phone(), "", ""])
    importing.run()
    touched = importing.rows("created")[0]["customerId"]
    touch(api, touched)
    before = read(api, touched)
    importing.revert()
    assert importing.counts == {"reverted": 1, "kept": 1}
    assert read(api, touched) == before
    [kept] = importing.rows("kept")
    assert kept["customerId"] == touched
    assert "since" in kept["problems"][0]["message"]


def test_a_phone_that_somebody_took_stays_there(api: httpx.Client, begin: Begin) -> None:
    there = create_stub(api)
    importing = begin(["Customer number", "Phone"], [there["customerNumber"], new_phone()])
    importing.run(upsertBy="customerNumber")
    taken = create_stub(api, phone=there["phone"])
    importing.revert()
    assert importing.counts == {"kept": 1}
    assert read(api, taken["id"])["phone"] == there["phone"]
    assert "somebody else" in importing.rows("kept")[0]["problems"][0]["message"]


def test_what_was_not_run_cannot_be_taken_back(api: httpx.Client, begin: Begin) -> None:
    importing = begin(["Name", "Phone"], ["New", new_phone()])
    assert api.post(f"/imports/{importing.id}/revert").status_code == 409
    importing.dry_run()
    assert api.post(f"/imports/{importing.id}/revert").status_code == 409
    importing.run()
    importing.revert()
    assert api.post(f"/imports/{importing.id}/revert").status_code == 409
