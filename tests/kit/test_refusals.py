"""What cannot be read or may not be sent answers 4xx, names the field, and leaves nothing."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crm_saas.kit.ids import new_id
from factories.customers import create_guest, new_phone
from factories.database import rows
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant

JSON = {"Content-Type": "application/json"}
TABLES = ("org_customers_mst", "org_customer_identifiers", "org_events", "org_idempotency_keys")


@pytest.fixture(scope="module")
def tenant(server: Server) -> Iterator[TestTenant]:
    """One for all of them, since none leaves anything."""
    with make_tenant(server) as made:
        yield made


@pytest.fixture
def api(tenant: TestTenant) -> Iterator[httpx.Client]:
    """And at the end, not a row more than before."""
    client = tenant.client("owner")
    before = _rows_of(tenant)
    yield client
    assert _rows_of(tenant) == before


def _rows_of(tenant: TestTenant) -> list[int]:
    settings = tenant.server.settings
    return [
        rows(settings, f"select count(*) from {table} where tenant_org_id = %s", tenant.id)[0][0]
        for table in TABLES
    ]


def refused(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["detail"]
    assert problem["requestId"] == answer.headers["X-Request-Id"]
    return problem


@pytest.mark.parametrize(
    "name",
    ["tenantOrgId", "tenant_org_id", "customerNumber", "phoneVerified", "loyaltyPoints",
     "profileStatus", "status", "id", "createdAt", "identityVerified", "customerSince", "version"],
)  # fmt: skip
def test_fields_that_are_not_the_callers_are_refused_by_name(api: httpx.Client, name: str) -> None:
    body = {"name": "Amal", "phone": new_phone(), name: "x"}
    for method, path in (
        ("POST", "/customers"),
        ("POST", "/customers/find-or-create"),
        ("PATCH", f"/customers/{new_id()}"),
        ("POST", f"/customers/{new_id()}/upgrade"),
    ):
        problem = refused(api.request(method, path, json=body), 422)
        assert [error["field"] for error in problem["errors"]] == [name]


def test_a_batch_row_is_held_to_the_same_fields(api: httpx.Client) -> None:
    row = {"idempotencyKey": "a", "phone": new_phone(), "name": "A", "customerNumber": "CUST-7"}
    answer = api.post("/customers/batch", json={"rows": [row]})
    [outcome] = answer.json()["outcomes"]
    assert [error["field"] for error in outcome["problem"]["errors"]] == ["customerNumber"]


def test_every_wrong_field_has_an_entry(api: httpx.Client) -> None:
    shapes = {"type": "king", "name": 5, "locale": "Klingon", "foo": 1, "addresses": [{"city": 7}]}
    problem = refused(api.post("/customers", json=shapes), 422)
    named = {error["field"] for error in problem["errors"]}
    assert named == {"type", "name", "locale", "foo", "addresses[0].city"}
    values = {
        "name": " ",
        "phone": "12",
        "email": "nobody",
        "journeyStage": "nowhere",
        "dateOfBirth": "2999-01-01",
    }
    problem = refused(api.post("/customers", json=values), 422)
    assert {error["field"] for error in problem["errors"]} == set(values)
    assert all(error["message"] and error["code"] for error in problem["errors"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"7",
        b"{}{}",
        b'{"type":"guest","name":"\xff"}',
        b'{"type":"guest","name":"a\xed\xa0\x80b"}',
        '{"type":"guest"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"type":"guest"}',
        b'{"type":"guest","name":"a\x00b"}',
        b'{"type":"guest","name":"a\\u0000b"}',
        b'{"type":"guest","preferences":{"a":["\\u0000"]}}',
        b'{"type":"guest","preferences":{"\\u0000":1}}',
        b'{"type":"guest","name":"a\\ud800b"}',
        b'{"type":"guest","preferences":{"a":"\\udc00"}}',
        b'{"type":"guest","preferences":{"\\ud83d":1}}',
        b'{"type":"guest","preferences":{"a":1e400}}',
        b'{"type":"guest","preferences":{"a":-1e400}}',
        b'{"type":"guest","preferences":{"a":1180591620717411303424}}',
        b'{"type":"guest","preferences":{"a":[{"b":-1180591620717411303424}]}}',
        b'{"type":"guest","preferences":{"a":' + b"9" * 5000 + b"}}",
        b'{"type":"guest","preferences":{"a":NaN}}',
        b'{"type":"guest","preferences":{"a":Infinity}}',
        b'{"type":"guest","name":"Amal","name":"Badr"}',
        b'{"type":"guest","na\\u006de":"Amal","name":"Badr"}',
        b'{"type":"guest","preferences":{"a":{"b":1,"b":2}}}',
        b'{"type":"guest","preferences":{"a":' + b"[" * 5000 + b"]" * 5000 + b"}}",
        b'{"type":"guest","preferences":' + b'{"a":' * 33 + b"1" + b"}" * 33 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"]" * 100_000,
    ],
)
def test_a_body_that_cannot_be_read_or_kept(api: httpx.Client, body: bytes) -> None:
    refused(api.post("/customers", content=body, headers=JSON), 400, 422)
    keyed = JSON | {"Idempotency-Key": "k"}
    refused(api.post("/customers", content=body, headers=keyed), 400, 422)


def test_a_repeated_name_is_named(api: httpx.Client) -> None:
    body = b'{"type":"guest","name":"Amal","name":"Badr"}'
    problem = refused(api.post("/customers", content=body, headers=JSON), 422)
    assert [error["field"] for error in problem["errors"]] == ["name"]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b'{"type":"king"}', "type", "must be one of guest, stub, full"),
        (b'{"name":""}', "name", "must have 1 character at least"),
        (b'{"name":5}', "name", "must be text or null"),
        (b'{"name":"a\\ud800b"}', "name", "has half of a surrogate pair (such as \\ud800)"),
        (b'{"preferences":{"a":[1e400]}}', "preferences.a[0]", "is too large a number"),
        (b'{"addresses":[{"latitude":91}]}', "addresses[0].latitude", "must be at most 90"),
    ],
)
def test_messages_are_plain_words(api: httpx.Client, body: bytes, field: str, message: str) -> None:
    problem = refused(api.post("/customers", content=body, headers=JSON), 422)
    found = {error["field"]: error["message"] for error in problem["errors"]}
    assert found[field] == message


def test_messages_on_queries_are_plain_words(api: httpx.Client) -> None:
    (error,) = refused(api.get("/customers?limit=0"), 422)["errors"]
    assert error["message"] == "must be at least 1"
    problem = refused(api.get("/customers?status=gone&phoneVerified=maybe"), 422)
    found = {error["field"]: error["message"] for error in problem["errors"]}
    assert found["status"].startswith("must be one of active, ")
    assert found["phoneVerified"] == "must be true or false"


def test_a_body_that_is_missing_names_what_it_needs(api: httpx.Client) -> None:
    problem = refused(api.post("/keys"), 422)
    assert {error["field"] for error in problem["errors"]} == {"name", "role"}
    assert {error["code"] for error in problem["errors"]} == {"required"}


def test_a_key_that_is_cut_off_is_told_apart_from_none(api: httpx.Client) -> None:
    cut = {"Authorization": api.headers["Authorization"][:-3]}
    assert "may be cut off" in refused(api.get("/auth/me", headers=cut), 401)["detail"]
    none = refused(api.get("/auth/me", headers={"Authorization": ""}), 401)
    assert none["detail"].startswith("Send `Authorization")


def test_brackets_in_strings_are_not_depth(tenant: TestTenant) -> None:
    odd = {"a": "[" * 100 + '"\\' + "{" * 100, "b": [[[[]]]] * 50}
    made = create_guest(tenant.client(), preferences=odd)
    assert made["preferences"] == odd


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"{}"),
        ("application/x-www-form-urlencoded", b"type=guest"),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("application/msgpack", b"\x81\xa4type\xa5guest"),
        ("", b"{}"),
    ],
)
def test_only_json(api: httpx.Client, content_type: str, body: bytes) -> None:
    headers = {"Content-Type": content_type}
    refused(api.post("/customers", content=body, headers=headers), 415)


def test_a_body_has_a_size_whether_or_not_it_tells(api: httpx.Client) -> None:
    whole = b'{"type":"guest","notes":"' + b"a" * 1_100_000 + b'"}'
    refused(api.post("/customers", content=whole, headers=JSON), 413)
    chunks = (whole[i : i + 65_536] for i in range(0, len(whole), 65_536))
    refused(api.post("/customers", content=chunks, headers=JSON), 413)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/customers?limit=0", "limit"),
        ("/customers?limit=201", "limit"),
        ("/customers?limit=-1", "limit"),
        ("/customers?limit=٥", "limit"),
        ("/customers?limit=1_0", "limit"),
        ("/customers?limit=", "limit"),
        ("/customers?limit=99999999999999999999", "limit"),
        ("/audit?limit=0", "limit"),
        ("/audit?limit=٥", "limit"),
        ("/customers?total=maybe", "total"),
        ("/customers?sort=phone", "sort"),
        ("/customers?profileStats=stub", "profileStats"),
        ("/customers?profile_status=stub", "profile_status"),
        ("/customers?status=active&status=blocked", "status"),
        ("/customers?status=gone", "status"),
        ("/customers?assignedTo=me", "assignedTo"),
        ("/customers?phone=12", "phone"),
        ("/customers?email=nobody", "email"),
        ("/customers?phoneVerified=1e0", "phoneVerified"),
        ("/customers?createdFrom=yesterday", "createdFrom"),
        ("/customers?createdFrom=2026-01-01T00:00:00", "createdFrom"),
        ("/customers?createdFrom=0001-01-01T00:00:00%2B14:00", "createdFrom"),
        ("/customers/export?updatedBefore=9999-12-31T23:59:59-14:00", "updatedBefore"),
        ("/customers?cursor=garbage", "cursor"),
        ("/customers?cursor=é", "cursor"),
        ("/customers?search=" + "a" * 201, "search"),
        ("/customers/export?limit=1", "limit"),
        ("/customers/export?profileStats=stub", "profileStats"),
        ("/customers/export?format=ods", "format"),
        ("/customers/export?search=amal", "search"),
        ("/audit?from=2026-01-01T00:00:00", "from"),
        ("/audit?kinds=x", "kinds"),
        ("/customers?search=a%00b", "search"),
        ("/customers?limit=1&%00=1", "query"),
    ],
)
def test_a_query_that_is_wrong_is_named(api: httpx.Client, path: str, field: str) -> None:
    problem = refused(api.get(path), 422)
    assert [error["field"] for error in problem["errors"]] == [field]


@pytest.mark.parametrize(
    "path",
    [
        "/customers/%00",
        "/customers/by-number/%00",
        "/customers/by-number/%ff",
        "/customers/by-number/" + "A" * 5000,
        "/customers/" + "1" * 200,
        "/customers/٠٠٠٠٠٠٠٠-٠٠٠٠-٠٠٠٠-٠٠٠٠-٠٠٠٠٠٠٠٠٠٠٠٠",
        "/customers/00000000-0000-0000-0000-000000000000",
        "/customers/..%2f..%2fhealth",
        "/customers/health/ready",
        "/nowhere",
    ],
)
def test_a_path_that_leads_nowhere(api: httpx.Client, path: str) -> None:
    refused(api.get(path), 404, 422)


@pytest.mark.parametrize("path", ["/customers?name=%ff", "/customers?search=%ed%a0%80"])
def test_bytes_that_are_no_text_find_nobody(api: httpx.Client, path: str) -> None:
    assert api.get(path).json()["items"] == []


@pytest.mark.parametrize("method", ["PUT", "TRACE", "OPTIONS", "DELETE"])
def test_a_method_that_a_path_does_not_take(api: httpx.Client, method: str) -> None:
    answer = api.request(method, "/customers")
    refused(answer, 405)
    assert answer.headers["Allow"] == "GET, POST"


def test_headers_of_any_length_and_letters(api: httpx.Client) -> None:
    path = f"/customers/{new_id()}"
    long = {"If-Match": "a" * 2000}
    problem = refused(api.patch(path, json={}, headers=long), 422)
    assert [error["field"] for error in problem["errors"]] == ["If-Match"]
    refused(api.get(path, headers={"Authorization": b"Bearer " + b"\xe9" * 50}), 401)
    refused(api.get(path, headers={"Authorization": b"Bearer " + b"a" * 60_000}), 401)
    refused(api.get(path, headers={"X-Tenant": b"\xe9" * 100}), 403)
    for key in (b"", b"k" * 256, b"a\tb"):
        refused(api.post("/customers", json={}, headers={"Idempotency-Key": key}), 422)
    odd = api.get(path, headers={"X-Request-Id": 'a b"{}'})
    assert odd.headers["X-Request-Id"] != 'a b"{}'
    refused(odd, 404)


@pytest.mark.parametrize(
    "expires_at",
    [
        "2020-01-01T00:00:00Z",
        "2099-01-01T00:00:00",
        "9999-12-31T23:59:59-23:59",
        "never",
    ],
)
def test_a_keys_end_is_a_time_to_come(api: httpx.Client, expires_at: str) -> None:
    body = {"name": "till", "role": "pos", "expiresAt": expires_at}
    problem = refused(api.post("/keys", json=body), 422)
    assert [error["field"] for error in problem["errors"]] == ["expiresAt"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("claimPhone", 1), ("claimPhone", "true"), ("dateOfBirth", "null"), ("teamId", "null")],
)
def test_types_are_taken_as_the_document_has_them(
    api: httpx.Client, name: str, value: object
) -> None:
    """Not 1 for true, and the word null is not null."""
    problem = refused(api.patch(f"/customers/{new_id()}", json={name: value}), 422)
    assert [error["field"] for error in problem["errors"]] == [name]


@pytest.mark.parametrize(
    "query",
    [
        "/customers?teamId=null",
        "/customers?dateOfBirth=NULL",
        "/audit?from=null",
        "/audit?kind=null",
    ],
)
def test_a_filter_of_null_is_not_no_filter(api: httpx.Client, query: str) -> None:
    problem = refused(api.get(query), 422)
    assert [error["field"] for error in problem["errors"]] == [query.split("?")[1].split("=")[0]]


def test_somebody_may_be_called_null(api: httpx.Client) -> None:
    assert api.get("/customers", params={"name": "Null", "search": "null"}).status_code == 200
