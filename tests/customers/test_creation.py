"""Guests, stubs and full profiles: what each needs, how they grow, and what they are numbered."""

from typing import Any

import httpx
import pytest

from crm_saas.kit.ids import new_id
from factories.codes import new_mobile, send_code
from factories.customers import create_guest, create_stub, new_phone
from factories.database import as_role, rows
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant


def fields(answer: httpx.Response) -> set[str]:
    return {entry["field"] for entry in answer.json()["errors"]}


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition("/")[2]


def test_a_guest_has_a_number_and_an_end_and_no_phone(api: httpx.Client) -> None:
    guest = create_guest(api)
    assert guest["customerNumber"] == "CUST-00001"
    assert (guest["profileStatus"], guest["displayName"]) == ("guest", "Guest")
    assert guest["expiresAt"] > guest["createdAt"]
    assert guest["phone"] is None


@pytest.mark.parametrize("field", ["phone", "email"])
def test_a_guest_with_a_phone_is_no_guest(api: httpx.Client, field: str) -> None:
    value = {"phone": new_phone(), "email": "amal@example.com"}[field]
    answer = api.post("/customers", json={"type": "guest", field: value})
    assert answer.status_code == 422
    assert fields(answer) == {field}


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({}, {"name", "phone"}),
        ({"name": "Amal"}, {"phone"}),
        ({"phone": "+96890123456"}, {"name"}),
        ({"phone": "+96890123456", "name": None}, {"name"}),
    ],
)
def test_a_stub_needs_a_name_and_a_phone(
    api: httpx.Client, body: dict[str, str], missing: set[str]
) -> None:
    answer = api.post("/customers", json={"type": "stub"} | body)
    assert answer.status_code == 422
    assert fields(answer) == missing


def test_the_answer_says_where_it_is(api: httpx.Client) -> None:
    answer = api.post("/customers", json={"name": "Amal", "phone": new_phone()})
    assert answer.status_code == 201
    assert answer.headers["ETag"] == '"1"'
    found = api.get(answer.headers["Location"].removeprefix("/api/v1"))
    assert found.json() == answer.json()


@pytest.mark.parametrize(
    "typed",
    [
        "+968 9212 3456",
        "9212-3456",
        "(9212) 3456",
        "00968 92123456",
        "٩٢١٢٣٤٥٦",
        "+٩٦٨ ٩٢١٢ ٣٤٥٦",
        "\u200e92123456",
    ],
)
def test_a_phone_is_one_however_it_is_typed(api: httpx.Client, typed: str) -> None:
    assert create_stub(api, phone=typed)["phone"] == "+96892123456"
    answer = api.post("/customers", json={"name": "Badr", "phone": "+96892123456"})
    assert slug(answer) == "phone-taken"


@pytest.mark.parametrize("typed", ["12", "abc", "+999123456789", "+968901234567890", "9"])
def test_a_phone_that_cannot_be_is_refused_with_a_reason(api: httpx.Client, typed: str) -> None:
    answer = api.post("/customers", json={"name": "Badr", "phone": typed})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["field"] == "phone"
    assert len(error["message"]) > 10


def test_a_taken_phone_names_who_has_it(api: httpx.Client) -> None:
    holder = create_stub(api, name="Salma")
    answer = api.post("/customers", json={"name": "Badr", "phone": holder["phone"]})
    problem = answer.json()
    assert (answer.status_code, slug(answer)) == (409, "phone-taken")
    assert problem["customerId"] == holder["id"]
    assert problem["customerNumber"] == holder["customerNumber"]
    assert api.get("/customers", params={"total": True}).json()["total"] == 1


def test_a_taken_phone_names_nobody_to_who_may_not_read(tenant: TestTenant) -> None:
    holder = create_stub(tenant.client(), name="Salma")
    blind = tenant.client("manager", scopes=["customers:create"])
    answer = blind.post("/customers", json={"name": "Badr", "phone": holder["phone"]})
    assert slug(answer) == "phone-taken"
    assert holder["customerNumber"] not in answer.text
    assert "Salma" not in answer.text and "customerId" not in answer.json()


def test_what_is_missing_is_said_in_words(api: httpx.Client) -> None:
    answer = api.post("/customers", json={"type": "full", "phone": new_phone()})
    assert "a full profile needs name" in answer.json()["detail"]
    answer = api.post("/customers/find-or-create", json={"email": "nobody@example.com"})
    assert fields(answer) == {"phone"}
    assert "nobody has this e-mail" in answer.json()["detail"]
    answer = api.get("/customers/by-number/CUST-99999")
    assert "this number" in answer.json()["detail"]


def test_another_tenants_phone_is_free(api: httpx.Client, other_tenant: TestTenant) -> None:
    phone = new_phone()
    theirs = create_stub(other_tenant.client(), phone=phone, email="amal@example.com")
    ours = create_stub(api, phone=phone, email="amal@example.com")
    assert theirs["id"] != ours["id"]
    assert theirs["customerNumber"] == ours["customerNumber"] == "CUST-00001"


def test_an_email_is_one_in_any_case(api: httpx.Client) -> None:
    holder = create_stub(api, email="Amal.B@Example.com")
    assert holder["email"] == "Amal.B@example.com"
    answer = api.post(
        "/customers", json={"name": "B", "phone": new_phone(), "email": "amal.b@EXAMPLE.COM"}
    )
    assert (answer.status_code, slug(answer)) == (409, "email-taken")
    assert answer.json()["customerId"] == holder["id"]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (
            {"name": None, "firstName": "Amal", "lastName": "Al Balushi"},
            ("Amal Al Balushi", "Amal Al Balushi", "Amal", "Al Balushi"),
        ),
        ({"name": "  Amal   B "}, ("Amal B", "Amal B", None, None)),
        ({"name": None, "name2": "أمل"}, (None, "أمل", None, None)),
        ({"name": "Amal", "displayName": "Mrs A"}, ("Amal", "Mrs A", None, None)),
    ],
)
def test_names_are_composed_one_way(
    api: httpx.Client, sent: dict[str, Any], shown: tuple[str | None, ...]
) -> None:
    made = create_stub(api, **sent)
    names = ("name", "displayName", "firstName", "lastName")
    assert tuple(made[name] for name in names) == shown


@pytest.mark.parametrize("name", ["", " ", "\u200b", "...", "a\u0001b", "a\u001b[0m", "x" * 201])
def test_a_name_that_is_none(api: httpx.Client, name: str) -> None:
    answer = api.post("/customers", json={"name": name, "phone": new_phone()})
    assert answer.status_code == 422
    assert fields(answer) == {"name"}


def test_a_guest_grows_to_a_stub_and_on(tenant: TestTenant, api: httpx.Client) -> None:
    guest, phone = create_guest(api), new_mobile()
    path = f"/customers/{guest['id']}/upgrade"
    missing = api.post(path, json={"type": "stub"})
    assert fields(missing) == {"name", "phone"}
    stub = api.post(path, json={"type": "stub", "name": "Amal", "phone": phone}).json()
    assert (stub["profileStatus"], stub["displayName"]) == ("stub", "Amal")
    assert (stub["customerNumber"], stub["expiresAt"]) == (guest["customerNumber"], None)
    assert slug(api.post(path, json={"type": "stub"})) == "profile-reached"
    unproved = api.post(path, json={"type": "full"})
    assert slug(unproved) == "phone-not-verified"
    assert fields(unproved) == {"otpCode"}
    full = api.post(path, json={"otpCode": send_code(tenant, phone)}).json()
    assert (full["profileStatus"], full["phoneVerified"]) == ("full", True)
    assert slug(api.post(path, json={"type": "full"})) == "profile-reached"
    assert slug(api.post(path, json={"type": "stub"})) == "profile-never-goes-back"
    assert api.post(path, json={"type": "guest"}).status_code == 422
    assert api.get(f"/customers/{guest['id']}").json()["profileStatus"] == "full"


def test_a_verified_phone_stays_verified_however_it_is_typed(
    api: httpx.Client, tenant: TestTenant
) -> None:
    phone = new_mobile()
    stub = create_stub(api, phone=phone, otpCode=send_code(tenant, phone))
    path = f"/customers/{stub['id']}/upgrade"

    full = api.post(path, json={"phone": phone.removeprefix("+968")})

    assert full.status_code == 200, full.text
    assert full.json()["phoneVerified"]


def test_full_with_addresses_is_all_or_nothing(tenant: TestTenant, api: httpx.Client) -> None:
    phone = new_mobile()
    body = {"type": "full", "name": "Amal", "phone": phone, "otpCode": send_code(tenant, phone)}
    bad = api.post("/customers", json=body | {"addresses": [{"city": "Muscat", "latitude": 200}]})
    assert bad.status_code == 422
    assert api.get("/customers", params={"total": True}).json()["total"] == 0
    made = api.post("/customers", json=body | {"addresses": [{"city": "Muscat"}]})
    assert made.status_code == 201
    addresses = api.get(f"/customers/{made.json()['id']}/addresses").json()["items"]
    assert [(a["city"], a["isDefault"]) for a in addresses] == [("Muscat", True)]


def test_numbers_go_on_after_five_digits(tenant: TestTenant, api: httpx.Client) -> None:
    create_guest(api)
    _set_counter(tenant, last_value=99_998)
    assert create_guest(api)["customerNumber"] == "CUST-99999"
    assert create_guest(api)["customerNumber"] == "CUST-100000"
    listed = api.get("/customers", params={"sort": "customerNumber"}).json()["items"]
    numbers = [customer["customerNumber"] for customer in listed]
    assert numbers == ["CUST-00001", "CUST-99999", "CUST-100000"]


def test_a_format_holds_for_new_numbers_only(tenant: TestTenant, api: httpx.Client) -> None:
    old = create_guest(api)
    _set_counter(tenant, prefix="Oman/", width=3)
    assert create_guest(api)["customerNumber"] == "Oman/002"
    assert api.get(f"/customers/{old['id']}").json()["customerNumber"] == "CUST-00001"


def test_a_number_finds_its_customer_in_any_case(server: Server) -> None:
    with make_tenant(server, number_prefix="kd-") as tenant:
        api = tenant.client()
        made = create_stub(api)
        assert made["customerNumber"] == "kd-00001"
        for typed in ("kd-00001", "KD-00001"):
            assert api.get(f"/customers/by-number/{typed}").json()["id"] == made["id"]
            listed = api.get("/customers", params={"customerNumber": typed}).json()["items"]
            assert [customer["id"] for customer in listed] == [made["id"]]


def test_a_refusal_gives_its_number_back(api: httpx.Client) -> None:
    taken = create_stub(api)["phone"]
    for _ in range(3):
        assert api.post("/customers", json={"name": "B", "phone": taken}).status_code == 409
    bad = {"type": "guest", "addresses": [{"city": "A", "latitude": 200}]}
    assert api.post("/customers", json=bad).status_code == 422
    assert create_guest(api)["customerNumber"] == "CUST-00002"


def test_a_missing_counter_is_an_error(tenant: TestTenant, api: httpx.Client) -> None:
    with as_role(tenant.server.settings) as connection:
        connection.execute(
            "update org_number_counters set series = 'gone' where tenant_org_id = %s", [tenant.id]
        )
    assert api.post("/customers", json={"type": "guest"}).status_code == 500
    assert not rows(
        tenant.server.settings,
        "select from org_customers_mst where tenant_org_id = %s",
        tenant.id,
    )


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("12500", "OMR", "12500.000"),
        ("0.001", "OMR", "0.001"),
        ("1.50", "KES", "1.50"),
        ("1.10", "OMR", "1.100"),
        ("100", "JPY", "100"),
        ("999999999999999.999", "OMR", "999999999999999.999"),
    ],
)
def test_money_is_a_decimal_string(
    api: httpx.Client, amount: str, currency: str, shown: str
) -> None:
    made = create_guest(api, annualRevenue={"amount": amount, "currency": currency})
    assert made["annualRevenue"] == {"amount": shown, "currency": currency}


@pytest.mark.parametrize(
    "money",
    [
        {"amount": "1.2345", "currency": "OMR"},
        {"amount": "1.505", "currency": "KES"},
        {"amount": "1.5", "currency": "JPY"},
        {"amount": 1.5, "currency": "OMR"},
        {"amount": "1e3", "currency": "OMR"},
        {"amount": "١٢", "currency": "OMR"},
        {"amount": "1", "currency": "omr"},
        {"amount": "1"},
    ],
)
def test_money_that_is_none(api: httpx.Client, money: dict[str, Any]) -> None:
    answer = api.post("/customers", json={"type": "guest", "annualRevenue": money})
    assert answer.status_code == 422
    assert all(field.startswith("annualRevenue") for field in fields(answer))


def test_preferences_have_a_size(api: httpx.Client) -> None:
    kept = {"الطاولة": ["شباك", 1, 2.5, None, {"deep": True}]}
    assert create_guest(api, preferences=kept)["preferences"] == kept
    answer = api.post(
        "/customers", json={"type": "guest", "preferences": {"notes": "x" * 16 * 1024}}
    )
    assert answer.status_code == 422
    assert fields(answer) == {"preferences"}


def test_assigned_within_the_tenant_only(
    tenant: TestTenant, other_tenant: TestTenant, api: httpx.Client
) -> None:
    ours, theirs = tenant.member(), other_tenant.member()
    assert create_stub(api, assignedTo=str(ours.id))["assignedTo"] == str(ours.id)
    answers = []
    for member in (theirs.id, new_id()):
        answer = api.post("/customers", json={"type": "guest", "assignedTo": str(member)})
        assert answer.status_code == 422
        answers.append(answer.json()["errors"])
    assert answers[0] == answers[1]
    their_team = other_tenant.client().post("/teams", json={"name": "Sales"}).json()["id"]
    answer = api.post("/customers", json={"type": "guest", "teamId": their_team})
    assert fields(answer) == {"teamId"}


def test_who_may_not_assign_may_not_do_it_while_creating(tenant: TestTenant) -> None:
    member, till = tenant.member(), tenant.client("pos")
    body = {"type": "stub", "name": "Amal", "phone": new_phone(), "assignedTo": str(member.id)}
    assert till.post("/customers", json=body).status_code == 403
    assert till.post("/customers/find-or-create", json=body | {"type": None}).status_code == 422
    del body["type"]
    assert till.post("/customers/find-or-create", json=body).status_code == 403
    guest = create_guest(till)
    upgrade = till.post(f"/customers/{guest['id']}/upgrade", json=body | {"type": "stub"})
    assert upgrade.status_code == 403


def test_found_by_phone_then_by_email_or_made(api: httpx.Client) -> None:
    body = {"name": "Amal", "phone": new_phone(), "email": "amal@example.com"}
    made = api.post("/customers/find-or-create", json=body)
    assert (made.status_code, made.json()["outcome"]) == (201, "created")
    customer = made.json()["customer"]
    again = api.post("/customers/find-or-create", json={"phone": body["phone"]})
    assert (again.status_code, again.json()["matchedBy"]) == (200, "phone")
    by_email = api.post("/customers/find-or-create", json={"email": "AMAL@example.com"})
    assert (by_email.json()["outcome"], by_email.json()["matchedBy"]) == ("matched", "email")
    assert again.json()["customer"]["id"] == by_email.json()["customer"]["id"] == customer["id"]
    other = create_stub(api)
    both = {"phone": other["phone"], "email": "amal@example.com"}
    ambiguous = api.post("/customers/find-or-create", json=both).json()
    assert (ambiguous["outcome"], ambiguous["customer"]) == ("ambiguous", None)
    assert {c["id"] for c in ambiguous["candidates"]} == {other["id"], customer["id"]}
    assert fields(api.post("/customers/find-or-create", json={"name": "X"})) == {"phone"}


def _set_counter(tenant: TestTenant, **columns: object) -> None:
    with as_role(tenant.server.settings) as connection:
        for column, value in columns.items():
            connection.execute(
                f"update org_number_counters set {column} = %s where tenant_org_id = %s".encode(),
                [value, tenant.id],
            )


def test_two_tenants_hold_one_phone_each_on_their_own(
    tenant: TestTenant, other_tenant: TestTenant
) -> None:
    body = {"type": "stub", "name": "Amal", "phone": new_phone()}
    for api in (tenant.client(), other_tenant.client()):
        assert api.post("/customers", json=body).status_code == 201
    for api in (tenant.client(), other_tenant.client()):
        answer = api.post("/customers", json=body)
        assert (answer.status_code, slug(answer)) == (409, "phone-taken")
