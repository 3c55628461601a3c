"""What a till collected while it was offline: each row its own transaction and outcome."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from typing import Any

import httpx
import pytest

from crm_saas.kit.db import BATCHES_MAX
from crm_saas.kit.settings import Settings
from crm_saas.kit.shares import SHARES
from factories.codes import new_mobile, send_code
from factories.customers import create_stub, new_phone
from factories.database import as_role
from factories.servers import run_server
from factories.tenants import TestTenant, make_tenant

BATCHES = BATCHES_MAX // SHARES  # as many connections as one tenant may hold of their pool


def row(key: str, **fields: Any) -> dict[str, Any]:
    return {"idempotencyKey": key, "name": "Amal", "phone": new_phone()} | fields


def send(api: httpx.Client, *rows: Any) -> list[dict[str, Any]]:
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
    problem = outcomes[1]["problem"]
    assert {e["field"] for e in problem["errors"]} == {"phone", "email"}
    assert problem["type"] == "https://crm-saas.dev/problems/invalid-input"
    assert problem["instance"] == "/api/v1/customers/batch#/rows/1"
    assert problem["requestId"]
    assert outcomes[2]["customerId"] == known["id"]
    assert set(outcomes[3]["candidates"]) == {known["id"], other["id"]}
    # A refused row takes no number.
    numbers = [o["customerNumber"] for o in outcomes if o["outcome"] == "created"]
    assert numbers == ["CUST-00003", "CUST-00004"]


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"idempotencyKey": "x", "name": "", "phone": "92123456"}, "name"),
        ({"idempotencyKey": "x", "name": 5, "phone": "92123456"}, "name"),
        ({"idempotencyKey": "x", "nmae": "Amal", "phone": "92123456"}, "nmae"),
        ({"idempotencyKey": "x", "type": "full", "phone": "92123456"}, "type"),
        ({"name": "Amal", "phone": "92123456"}, "idempotencyKey"),
        ({"idempotencyKey": 5, "phone": "92123456"}, "idempotencyKey"),
        ({"idempotencyKey": "a\tb", "phone": "92123456"}, "idempotencyKey"),
        ("Amal", ""),
        (None, ""),
        ([], ""),
    ],
)
def test_a_row_that_is_none_spoils_no_other(api: httpx.Client, bad: Any, field: str) -> None:
    before, refused, after = send(api, row("before"), bad, row("after"))
    assert (before["outcome"], after["outcome"]) == ("created", "created")
    assert [before["index"], refused["index"], after["index"]] == [0, 1, 2]
    assert refused["outcome"] == "refused"
    assert [error["field"] for error in refused["problem"]["errors"]] == [field]
    key = bad.get("idempotencyKey") if isinstance(bad, dict) else None
    assert refused["idempotencyKey"] == (key if isinstance(key, str) else None)


def test_a_guest_is_made_and_made_once(api: httpx.Client) -> None:
    guest = {"idempotencyKey": "a", "type": "guest", "name": "By the window"}
    first, second = send(api, guest), send(api, guest)
    assert (first[0]["outcome"], second[0]["replayed"]) == ("created", True)
    made = api.get(f"/customers/{first[0]['customerId']}").json()
    assert (made["profileStatus"], made["name"]) == ("guest", "By the window")
    [refused] = send(api, guest | {"idempotencyKey": "b", "phone": new_phone()})
    assert [error["field"] for error in refused["problem"]["errors"]] == ["phone"]


def test_rows_that_come_too_late_may_come_again(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row("a"), {"idempotencyKey": "b"}, row("c")]
    with monkeypatch.context() as patch:
        patch.setattr("crm_saas.onboarding.batch.SECONDS_MAX", -1.0)
        late = send(api, *rows)
    types = [outcome["problem"]["type"].rpartition("/")[2] for outcome in late]
    assert types == ["unavailable", "unavailable", "unavailable"]
    again = send(api, *rows)
    assert [outcome["outcome"] for outcome in again] == ["created", "refused", "created"]


def test_batches_queue_among_themselves_only(settings: Settings) -> None:
    """Rows that wait for a lock hold what their tenant may hold: the next batch is told so."""
    hasty = replace(settings, pool_timeout_seconds=0.5)
    with (
        run_server(hasty) as server,
        make_tenant(server) as tenant,
        as_role(settings) as blocker,
        ThreadPoolExecutor(BATCHES + 1) as threads,
    ):
        api = tenant.client("pos")
        with blocker.transaction():
            blocker.execute(
                "select from org_number_counters where tenant_org_id = %s for update", [tenant.id]
            )
            sent = [
                threads.submit(send, api, row(str(n)), row(f"{n}!")) for n in range(BATCHES + 1)
            ]
            turned_away = next(as_completed(sent)).result()
            types = [outcome["problem"]["type"].rpartition("/")[2] for outcome in turned_away]
            assert types == ["unavailable", "unavailable"]
            # A code and its aside do not wait for them.
            assert send_code(tenant, new_mobile())
        created = [outcome["outcome"] for done in sent for outcome in done.result()]
        assert sorted(created) == ["created"] * 2 * BATCHES + ["refused"] * 2


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
    assert outcome["problem"]["type"].endswith("/idempotency-key-reused")
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
