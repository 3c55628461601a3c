"""What a till collected while it was offline: each row its own transaction and outcome."""

from typing import Any

import httpx

from factories.customers import create_stub, new_phone
from factories.tenants import TestTenant


def row(key: str, **fields: Any) -> dict[str, Any]:
    return {"idempotencyKey": key, "name": "Amal", "phone": new_phone()} | fields


def send(api: httpx.Client, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    answer = api.post("/customers/batch", json={"rows": rows})
    assert answer.status_code == 200, answer.text
    outcomes: list[dict[str, Any]] = answer.json()["outcomes"]
    return outcomes


def test_one_bad_row_spoils_no_other(api: httpx.Client) -> None:
    known = create_stub(api, email="known@example.com")
    other = create_stub(api)
    outcomes = send(
        api,
        row("new"),
        row("bad", phone="12", email="nobody"),
        row("known", phone=known["phone"]),
        row("both", phone=other["phone"], email="known@example.com"),
        row("nameless", name=None),
        row("last"),
    )
    assert [o["outcome"] for o in outcomes] == [
        "created",
        "refused",
        "matched",
        "ambiguous",
        "refused",
        "created",
    ]
    assert {e["field"] for e in outcomes[1]["problem"]["errors"]} == {"phone", "email"}
    assert outcomes[2]["customerId"] == known["id"]
    assert set(outcomes[3]["candidates"]) == {known["id"], other["id"]}
    # A refused row takes no number.
    numbers = [o["customerNumber"] for o in outcomes if o["outcome"] == "created"]
    assert numbers == ["CUST-00003", "CUST-00004"]


def test_sent_twice_is_done_once(api: httpx.Client) -> None:
    rows = [row("a"), row("b"), row("c", phone="12")]
    first, second = send(api, *rows), send(api, *rows)
    assert [o["replayed"] for o in first] == [False, False, False]
    assert [o["replayed"] for o in second] == [True, True, False]
    assert [o["customerId"] for o in second] == [o["customerId"] for o in first]
    assert api.get("/customers", params={"total": True}).json()["total"] == 2


def test_a_refused_row_runs_again_under_its_key(api: httpx.Client) -> None:
    assert send(api, row("a", phone="12"))[0]["outcome"] == "refused"
    assert send(api, row("a"))[0]["outcome"] == "created"


def test_a_key_with_another_row_is_refused(api: httpx.Client) -> None:
    send(api, row("a"))
    [outcome] = send(api, row("a"))
    assert outcome["problem"]["type"] == "idempotency-key-reused"
    twice = send(api, row("b"), row("b"))
    assert [o["outcome"] for o in twice] == ["created", "refused"]


def test_the_same_phone_in_two_rows_is_one_customer(api: httpx.Client) -> None:
    phone = new_phone()
    made, matched = send(api, row("a", phone=phone), row("b", phone=phone))
    assert (made["outcome"], matched["outcome"]) == ("created", "matched")
    assert made["customerId"] == matched["customerId"]


def test_keys_are_the_credentials_own(tenant: TestTenant, other_tenant: TestTenant) -> None:
    for api in (tenant.client("pos"), tenant.client("manager"), other_tenant.client("pos")):
        assert send(api, row("a"))[0]["outcome"] == "created"


def test_a_batch_has_bounds(api: httpx.Client) -> None:
    for rows in ([], [row(str(i)) for i in range(101)]):
        answer = api.post("/customers/batch", json={"rows": rows})
        assert answer.status_code == 422
    assert len(send(api, *[row(str(i)) for i in range(100)])) == 100
