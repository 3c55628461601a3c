"""Adding, reading, changing and deleting addresses (SPEC 4.1)."""

from decimal import Decimal
from json import loads
from typing import Any

import httpx
import pytest

from crm_saas.addresses.service import ADDRESSES_MAX

WHOLE = {
    "type": "work",
    "label": "Office",
    "label2": "المكتب",
    "building": "12",
    "building2": "١٢",
    "floor": "3",
    "apartment": "31",
    "street": "Sultan Qaboos Street",
    "street2": "شارع السلطان قابوس",
    "area": "Al Khuwair",
    "area2": "الخوير",
    "city": "Muscat",
    "city2": "مسقط",
    "postalCode": "133",
    "country": "OM",
    "deliveryNotes": "Blue gate.\nRing twice.",
    "latitude": 23.588,
    "longitude": 58.3829,
}


def test_comes_back_as_it_was_sent(api: httpx.Client, addresses: str) -> None:
    added = api.post(addresses, json=WHOLE)
    assert added.status_code == 201
    read = api.get(f"{addresses}/{added.json()['id']}")
    assert read.json() == added.json()
    assert {name: read.json()[name] for name in WHOLE} == WHOLE
    assert read.headers["etag"] == added.headers["etag"] == '"1"'
    assert api.get(addresses).json() == {"items": [read.json()], "nextCursor": None}


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        ("23.5880000", "58.38290000000000000000012345"),
        ("-0.000000000000000000000000000001", "180"),
        ("-90", "-180.000"),
        ("0.1", "0.30000000000000004"),
    ],
)
def test_coordinates_keep_every_digit(
    api: httpx.Client, addresses: str, latitude: str, longitude: str
) -> None:
    added = api.post(addresses, json={"latitude": latitude, "longitude": longitude}).json()
    read = loads(api.get(f"{addresses}/{added['id']}").text, parse_float=str, parse_int=str)
    assert (read["latitude"], read["longitude"]) == (latitude, longitude)


@pytest.mark.parametrize("number", [23.588012345678902, 5e-20, -77.00000000000001, 90, 0.1])
def test_a_double_comes_back_the_same(api: httpx.Client, addresses: str, number: float) -> None:
    added = api.post(addresses, json={"latitude": number, "longitude": number}).json()
    assert (added["latitude"], added["longitude"]) == (number, number)
    assert Decimal(str(added["latitude"])) == Decimal(repr(number))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "street"),
        ({"label": "Home", "street": "  "}, "street"),
        ({"city": "Muscat", "latitude": 90.1, "longitude": 0}, "latitude"),
        ({"city": "Muscat", "latitude": "90.00000000000000000001", "longitude": 0}, "latitude"),
        ({"city": "Muscat", "latitude": 0, "longitude": -180.5}, "longitude"),
        ({"city": "Muscat", "latitude": 0, "longitude": "NaN"}, "longitude"),
        ({"city": "Muscat", "latitude": 0, "longitude": 5e-300}, "longitude"),
        ({"city": "Muscat", "latitude": True, "longitude": 0}, "latitude"),
        ({"city": "Muscat", "latitude": 23.5}, "longitude"),
        ({"city": "Muscat", "country": "ZZ"}, "country"),
        ({"city": "Muscat", "country": "Oman"}, "country"),
        ({"city": "Muscat", "type": "castle"}, "type"),
        ({"city": "x" * 201}, "city"),
        ({"city": "Muscat", "deliveryNotes": "x" * 1001}, "deliveryNotes"),
        ({"city": "Muscat", "verificationStatus": "verified"}, "verificationStatus"),
        ({"city": "Muscat", "tenantOrgId": "x"}, "tenantOrgId"),
    ],
)
def test_refuses_what_is_no_address(
    api: httpx.Client, addresses: str, body: dict[str, Any], field: str
) -> None:
    refused = api.post(addresses, json=body)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert api.get(addresses).json()["items"] == []


def test_country_is_the_tenants_unless_sent(api: httpx.Client, addresses: str) -> None:
    assert api.post(addresses, json={"city": "Muscat"}).json()["country"] == "OM"
    assert api.post(addresses, json={"city": "Nairobi", "country": "ke"}).json()["country"] == "KE"


def test_patch_changes_what_was_sent_and_no_more(api: httpx.Client, addresses: str) -> None:
    added = api.post(addresses, json=WHOLE).json()
    one = f"{addresses}/{added['id']}"
    changed = api.patch(one, json={"label": "Shop", "floor": None}).json()
    expected = added | {"label": "Shop", "floor": None, "version": 2}
    assert changed == expected | {"updatedAt": changed["updatedAt"]}
    assert api.patch(one, json={"label": "Shop"}).json() == changed


def test_patch_checks_the_whole_address(api: httpx.Client, addresses: str) -> None:
    one = f"{addresses}/{api.post(addresses, json={'city': 'Muscat'}).json()['id']}"
    assert api.patch(one, json={"latitude": 23.5}).status_code == 422
    assert api.patch(one, json={"city": None}).status_code == 422
    assert api.patch(one, json={"country": None}).status_code == 422
    moved = api.patch(one, json={"city": None, "latitude": 23.5, "longitude": 58})
    assert moved.status_code == 200
    assert api.patch(one, json={"latitude": None}).status_code == 422


def test_if_match_binds(api: httpx.Client, addresses: str) -> None:
    added = api.post(addresses, json=WHOLE)
    one, seen = f"{addresses}/{added.json()['id']}", added.headers["etag"]
    changed = api.patch(one, json={"label": "Shop"}, headers={"If-Match": seen})
    assert changed.status_code == 200
    for method, path in (
        ("PATCH", one),
        ("DELETE", one),
        ("POST", f"{one}/default"),
        ("POST", f"{one}/verify"),
        ("POST", f"{one}/reject"),
    ):
        body = {"PATCH": {"label": "Late"}, "POST": {"notes": "Late"}}.get(method)
        if path.endswith("default"):
            body = None
        late = api.request(method, path, json=body, headers={"If-Match": seen})
        assert (method, late.status_code) == (method, 412)
    assert api.get(one).json() == changed.json()
    both = f'"77", {changed.headers["etag"]}'
    assert api.delete(one, headers={"If-Match": both}).status_code == 204
    assert api.get(one).status_code == 404


def test_a_customer_has_fifty_at_the_most(api: httpx.Client, addresses: str) -> None:
    for number in range(ADDRESSES_MAX):
        assert api.post(addresses, json={"building": str(number)}).status_code == 201
    refused = api.post(addresses, json={"building": "one more"})
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (
        409,
        "too-many-addresses",
    )


def test_pages_in_the_order_of_creation(api: httpx.Client, addresses: str) -> None:
    ids = [api.post(addresses, json={"building": str(n)}).json()["id"] for n in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(addresses, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        seen += [item["id"] for item in page.json()["items"]]
        cursor = page.json()["nextCursor"]
    assert seen == ids
    assert api.get(addresses, params={"limit": 0}).status_code == 422
    assert api.get(addresses, params={"limit": 201}).status_code == 422
    assert api.get(addresses, params={"cursor": "made-up"}).status_code == 422


def test_every_change_is_in_the_customers_history(api: httpx.Client, addresses: str) -> None:
    first = api.post(addresses, json={"city": "Muscat"}).json()["id"]
    second = api.post(addresses, json={"city": "Nizwa"}).json()["id"]
    api.patch(f"{addresses}/{first}", json={"city": "Sur"})
    api.post(f"{addresses}/{second}/default")
    api.post(f"{addresses}/{first}/verify")
    api.post(f"{addresses}/{second}/reject", json={"notes": "No such street"})
    api.delete(f"{addresses}/{second}")
    history = api.get(addresses.replace("/addresses", "/history")).json()["items"]
    events = sorted(
        (event for event in history if event["kind"].startswith("address.")),
        key=lambda event: event["id"],
    )
    assert [event["kind"] for event in events] == [
        "address.added",
        "address.added",
        "address.changed",
        "address.default_changed",
        "address.verified",
        "address.rejected",
        "address.removed",
    ]
    changed = events[2]
    assert (changed["before"], changed["after"]) == ({"city": "Muscat"}, {"city": "Sur"})
