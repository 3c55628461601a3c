"""Lists: filters, orders, and pages that lose nobody."""

import itertools
from typing import Any

import httpx
import pytest

from factories.customers import create_guest, create_stub
from factories.tenants import TestTenant


def items(api: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    answer = api.get("/customers", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def walk(api: httpx.Client, **query: Any) -> list[str]:
    """The ids of all pages."""
    seen: list[str] = []
    for _ in itertools.repeat(None, 100):
        page = api.get("/customers", params=query).json()
        seen += [customer["id"] for customer in page["items"]]
        if page["nextCursor"] is None:
            return seen
        query["cursor"] = page["nextCursor"]
    raise AssertionError("the pages never end")


@pytest.mark.parametrize(
    "sort",
    ["createdAt", "-createdAt", "updatedAt", "-updatedAt",
     "name", "-name", "customerNumber", "-customerNumber"],
)  # fmt: skip
def test_pages_hold_everybody_once_in_order(api: httpx.Client, sort: str) -> None:
    """A batch's rows share their second and these their names: ties at every page's end."""
    rows = [
        {"idempotencyKey": str(n), "name": f"Amal {n % 2}", "phone": f"+968920000{n:02}"}
        for n in range(11)
    ]
    api.post("/customers/batch", json={"rows": rows})
    whole = [customer["id"] for customer in items(api, sort=sort)]
    assert len(set(whole)) == 11
    for limit in (1, 2, 3, 10, 11):
        assert walk(api, sort=sort, limit=limit) == whole
    reverse = sort[1:] if sort.startswith("-") else f"-{sort}"
    assert walk(api, sort=reverse, limit=4) == whole[::-1]


def test_a_page_is_stable_while_others_create(api: httpx.Client) -> None:
    made = [create_guest(api)["id"] for _ in range(4)]
    first = api.get("/customers", params={"limit": 2}).json()
    create_guest(api)
    second = api.get("/customers", params={"limit": 5, "cursor": first["nextCursor"]}).json()
    seen = [customer["id"] for customer in first["items"] + second["items"]]
    assert seen == made[::-1]


def test_a_cursor_belongs_to_one_tenant_filter_and_order(
    api: httpx.Client, other_tenant: TestTenant
) -> None:
    for _ in range(3):
        create_guest(api)
    cursor = api.get("/customers", params={"limit": 1}).json()["nextCursor"]
    assert items(api, cursor=cursor, limit=1)
    flipped = ("A" if cursor[-3] != "A" else "B").join([cursor[:-3], cursor[-2:]])
    for client, query in (
        (other_tenant.client(), {"cursor": cursor}),
        (api, {"cursor": cursor, "status": "active"}),
        (api, {"cursor": cursor, "sort": "createdAt"}),
        (api, {"cursor": cursor, "search": "guest"}),
        (api, {"cursor": flipped}),
        (api, {"cursor": cursor * 100}),
        (api, {"cursor": ""}),
    ):
        answer = client.get("/customers", params=query)
        assert answer.status_code == 422, query
        assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]
    assert api.get("/audit", params={"cursor": cursor}).status_code == 422


def test_names_sort_as_people_read_them(api: httpx.Client) -> None:
    for name in ("Élan", "elan b", "أحمد", "احمد ب", "Zayd", "amal"):
        create_stub(api, name=name)
    listed = [customer["name"] for customer in items(api, sort="name")]
    assert listed == ["amal", "Élan", "elan b", "Zayd", "أحمد", "احمد ب"]


def test_each_filter_keeps_and_drops(api: httpx.Client, tenant: TestTenant) -> None:
    member = tenant.member("support", team="North")
    wanted = create_stub(
        api,
        name="Amal",
        name2="أمل",
        firstName="Amal",
        lastName="Al Balushi",
        displayName="Mrs Amal",
        honorific="Mrs",
        annualRevenue={"amount": "12.500", "currency": "OMR"},
        email="Amal@Example.com",
        locale="ar",
        customerType="business",
        companyName="Tea House",
        companySize="11-50",
        industry="Tea",
        dateOfBirth="1990-05-17",
        avatarUrl="https://example.com/amal.png",
        notes="Likes her coffee without sugar.",
        preferences={"scent": {"name": "oud"}, "mails": False},
        journeyStage="lead",
        assignedTo=str(member.id),
        teamId=str(member.team_id),
    )
    other = create_guest(api)
    api.post(f"/customers/{wanted['id']}/verify-identity", json={"how": "passport"})
    kept = {
        "profileStatus": "stub",
        "journeyStage": "lead",
        "customerType": "business",
        "customerNumber": wanted["customerNumber"].lower(),
        "phone": wanted["phone"].removeprefix("+968"),
        "email": "AMAL@example.com",
        "name": " Amal ",
        "name2": "أمل",
        "firstName": "Amal",
        "lastName": "Al Balushi",
        "displayName": "Mrs Amal",
        "honorific": "Mrs",
        "annualRevenueFrom": "12.5",
        "annualRevenueBefore": "12.501",
        "annualRevenueCurrency": "OMR",
        "locale": "ar",
        "companyName": "Tea House",
        "companySize": "11-50",
        "industry": "Tea",
        "dateOfBirth": "1990-05-17",
        "avatarUrl": "https://example.com/amal.png",
        "notes": "CÓFFEE",
        "preferences": '{"scent": {"name": "oud"}}',
        "identityVerifiedFrom": wanted["createdAt"],
        "identityVerifiedBefore": "2999-01-01",
        "assignedTo": str(member.id),
        "teamId": str(member.team_id),
        "identityVerified": "true",
        "createdBefore": other["createdAt"],
        "customerSinceFrom": wanted["createdAt"],
    }
    for name, value in kept.items():
        assert [c["id"] for c in items(api, **{name: value})] == [wanted["id"]], name
    assert [c["id"] for c in items(api, **kept)] == [wanted["id"]]
    for name, value in {
        "identityVerified": "false",
        "createdFrom": other["createdAt"],
        "expiresFrom": other["expiresAt"],
        "expiresBefore": "2999-01-01",
    }.items():
        assert [c["id"] for c in items(api, **{name: value})] == [other["id"]], name
    for name, value in {
        "status": "blocked", "lifecycle": "vip", "phoneVerified": "true", "emailVerified": "true",
        "notes": "tea", "preferences": '{"mails": true}', "avatarUrl": "https://example.com/",
        "phoneVerifiedFrom": "2020-01-01", "emailVerifiedBefore": "2999-01-01",
        "createdFrom": "2999-01-01T00:00:00Z", "updatedBefore": "2020-01-01T00:00:00Z",
    }.items():  # fmt: skip
        assert items(api, **{name: value}) == [], name


def test_several_statuses_at_once(api: httpx.Client) -> None:
    guest, stub, blocked = create_guest(api), create_stub(api), create_stub(api)
    api.post(f"/customers/{blocked['id']}/block", json={"reason": "fraud"})
    api.delete(f"/customers/{guest['id']}")
    found = items(api, status="inactive,blocked", sort="createdAt")
    assert [c["id"] for c in found] == [guest["id"], blocked["id"]]
    found = items(api, profileStatus="stub, full", status="active")
    assert [c["id"] for c in found] == [stub["id"]]


@pytest.mark.parametrize("path", ["/customers", "/customers/export"])
def test_every_filter_that_is_wrong_is_named(api: httpx.Client, path: str) -> None:
    wrong = {
        "status": "active,gone",
        "profileStatus": "",
        "createdFrom": "2026-02-30",
        "updatedBefore": "2026-01-31T00:00:00",
        "annualRevenueFrom": "1.23456",
        "phone": "12",
    }
    # What cannot be decoded comes before what makes no sense.
    in_form = {"createdFrom", "updatedBefore", "phone"}
    for names in ({"status", "profileStatus"}, {"annualRevenueFrom"}, in_form):
        answer = api.get(path, params={name: wrong[name] for name in names})
        assert answer.status_code == 422
        assert {error["field"] for error in answer.json()["errors"]} == names


def test_a_date_is_its_midnight_in_utc(api: httpx.Client) -> None:
    made = create_guest(api)
    today = made["createdAt"][:10]
    assert [c["id"] for c in items(api, createdFrom=today)] == [made["id"]]
    assert items(api, createdBefore=today) == []


def test_a_search_has_its_own_order(api: httpx.Client) -> None:
    answer = api.get("/customers", params={"search": "amal", "sort": "name"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["sort"]


def test_who_sees_masked_contacts_finds_by_whole_ones_only(
    api: httpx.Client, tenant: TestTenant
) -> None:
    made = create_stub(api, name="Salma", phone="+96892123456", email="quince@example.com")
    auditor = tenant.client("auditor")
    for piece in ("921234", "23456", "+968 9212", "quin", "quince@ex", "92123457"):
        assert [c["id"] for c in items(api, search=piece)] == [made["id"]], piece
        assert items(auditor, search=piece) == [], piece
        counted = auditor.get("/customers", params={"search": piece, "total": "true"}).json()
        assert counted["total"] == 0
    for whole in ("+96892123456", "92123456", "quince@example.com", "Salm", "1"):
        assert [c["id"] for c in items(auditor, search=whole)] == [made["id"]], whole


def test_an_email_is_found_however_its_domain_is_written(api: httpx.Client) -> None:
    made = create_stub(api, email="amal@münchen.example")
    for email in ("amal@münchen.example", "AMAL@xn--mnchen-3ya.example"):
        assert [c["id"] for c in items(api, email=email)] == [made["id"]]


@pytest.mark.parametrize("path", ["/customers", "/customers/export"])
@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00Z", "2020-01-01T00:00:00+23:59", "2020-01-01T00:00:00-23:59"]
)
def test_a_time_may_be_in_any_zone(api: httpx.Client, path: str, time: str) -> None:
    made = create_guest(api)
    answer = api.get(path, params={"createdFrom": time})
    assert answer.status_code == 200, answer.text
    assert made["id"] in answer.text
    assert made["id"] not in api.get(path, params={"createdBefore": time}).text


@pytest.mark.parametrize(
    "search",
    ["أحمد", "احمد", "ٱحمد", "أَحْمَد", "احـمـد", "Jose", "josé", "JOSÉ", "234-56", "٢٣٤٥٦",
     "+968 9212", "josé@ex", "CUST-00001", "00001", "joes"],
)  # fmt: skip
def test_one_box_finds_by_anything(api: httpx.Client, search: str) -> None:
    wanted = create_stub(
        api, name="José Marín", name2="أحمد الفارسي", phone="+96892123456", email="josé@example.com"
    )
    create_stub(api, name="Bob", phone="+96893999888")
    found = items(api, search=search)
    assert [customer["id"] for customer in found] == [wanted["id"]]
    assert found[0]["matchedBy"]


def test_search_pages_hold_everybody_once(api: httpx.Client) -> None:
    made = {create_stub(api, name=f"Salma {n}")["id"] for n in range(7)}
    whole = walk(api, search="salma", limit=50)
    assert set(whole) == made
    assert walk(api, search="salma", limit=3) == whole
    assert items(api, search="salma", status="blocked") == []


@pytest.mark.parametrize(
    "search", ["%", "_", "\\", "'", '"', "%%%", "a%b", "()", "*", "\u202e", "😀"]
)
def test_signs_in_a_search_are_only_signs(api: httpx.Client, search: str) -> None:
    create_stub(api, name="Amal")
    assert items(api, search=search) == [], search


def test_an_empty_search_is_none(api: httpx.Client) -> None:
    create_stub(api)
    assert len(items(api, search=" ")) == 1


@pytest.mark.parametrize(
    "value",
    ["nonsense", "[1]", "7", '{"a": "\\u0000"}', '{"a": "\\ud800"}', '{"a": 1e999}', "{" * 900],
)
def test_preferences_that_cannot_be_asked_for_are_refused(api: httpx.Client, value: str) -> None:
    answer = api.get("/customers", params={"preferences": value})
    assert answer.status_code == 422, answer.text
