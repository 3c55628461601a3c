"""The call that creates a customer: what it writes, what it costs, and whom it refuses."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_saas.audit.values import values_hold
from crm_saas.customers.models import Customer
from crm_saas.kit import events
from crm_saas.kit.context import Context
from crm_saas.kit.ids import new_id
from crm_saas.kit.schema import SQL
from factories.customers import create_stub, new_phone
from factories.database import as_role, rows
from factories.sent import statements_heard
from factories.tenants import TestTenant
from sizes import sized

# Not of a customer who is new: set later, each by its verb, or by the table itself.
_LATER = {
    "created_at", "updated_at", "version", "merged_into", "merged_at", "customer_since",
    "email_verified_at", "email_verified_by", "email_verified_how",
    "identity_verified_at", "identity_verified_by", "identity_verified_how",
}  # fmt: skip
_COUNTED = re.compile(r"(begin|commit|rollback|select|insert|update|delete)\b", re.IGNORECASE)


def test_every_column_of_a_new_customer_is_written() -> None:
    """A column to come is named in the function too, or said here to be set later."""
    body = (SQL / "functions" / "create_customer.sql").read_text()
    found = re.search(r"insert into org_customers_mst \((.*?)\)", body, re.DOTALL)
    assert found is not None
    written = set(re.findall(r"\w+", found[1]))
    columns = {c.name for c in Customer.__table__.columns if c.computed is None}
    assert written == columns - _LATER


@pytest.fixture
def heard() -> Iterator[list[str]]:
    sent: list[str] = []
    with statements_heard(sent.append):
        yield sent


def verbs(statements: list[str]) -> list[str]:
    """What was asked of the database, by function or by table; budgets are leased now and then."""
    named = [_named(statement) for statement in statements if _COUNTED.match(statement)]
    return [name for name in named if name != "lease_requests"]


def _named(statement: str) -> str:
    found = re.search(r"\bfrom (\w+)", statement)
    return found[1] if found else statement


def test_a_stub_takes_two_round_trips(tenant: TestTenant, heard: list[str]) -> None:
    till, headers = tenant.client("pos"), {"Idempotency-Key": "a"}
    create_stub(till)  # what a process asks for once
    heard.clear()
    body = {"name": "Amal", "phone": new_phone()}
    assert till.post("/customers", json=body, headers=headers).status_code == 201
    assert verbs(heard) == ["begin", "begin_with_key", "create_customer", "commit"]
    assert "claim_idempotency_key" in heard[1]
    heard.clear()
    assert till.post("/customers", json=body, headers=headers).status_code == 201
    assert verbs(heard) == ["begin", "begin_with_key", "commit"]


def test_a_match_takes_one_look_beside_the_credential(tenant: TestTenant, heard: list[str]) -> None:
    till = tenant.client("pos")
    stub = create_stub(till)
    heard.clear()
    body = {"name": "Somebody", "phone": stub["phone"]}
    found = till.post("/customers/find-or-create", json=body)
    assert found.json()["customer"]["id"] == stub["id"]
    assert verbs(heard) == ["begin_with_key", "org_customer_identifiers"]


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | TEXT
    | st.integers(1 - 2**63, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(preferences=st.dictionaries(TEXT, JSON, max_size=3))
@settings(
    max_examples=sized(short=15, long=200, full=1_000),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_the_database_commits_to_is_what_it_keeps(
    tenant: TestTenant, preferences: dict[str, Any]
) -> None:
    body = {"type": "guest", "name": 'Amal "number-of-x" \\ é', "preferences": preferences}
    made = tenant.client("manager").post("/customers", json=body)
    assert made.status_code == 201, made.text
    event = _record_of(tenant, made.json()["id"])
    assert values_hold(event, event["commitment"])
    after = json.loads(event["after"])
    assert after["customerNumber"] == made.json()["customerNumber"]
    assert made.json()["customerNumber"].startswith("CUST-")


def _record_of(tenant: TestTenant, customer_id: str) -> dict[str, Any]:
    ((before, after, salt, commitment),) = rows(
        tenant.server.settings,
        "select before::text, after::text, salt, commitment from org_events"
        " where tenant_org_id = %s and customer_id = %s",
        tenant.id,
        customer_id,
    )
    return {"before": before, "after": after, "salt": salt, "commitment": commitment}


def test_what_follows_from_a_creation_sees_its_record(
    tenant: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[events.Event] = []

    async def note(_: Context, event: events.Event) -> None:
        seen.append(event)

    monkeypatch.setitem(events.HANDLERS, "customer.created", (note,))
    stub = create_stub(tenant.client("pos"))
    (event,) = seen
    assert event.after and event.after["customerNumber"] == stub["customerNumber"]
    record = _record_of(tenant, stub["id"])
    assert (event.commitment, event.salt) == (record["commitment"], record["salt"])


def test_a_replay_has_the_number_that_was_taken(tenant: TestTenant) -> None:
    till, headers = tenant.client("pos"), {"Idempotency-Key": "a"}
    body = {"name": "Amal", "phone": new_phone()}
    first = till.post("/customers", json=body, headers=headers)
    assert first.json()["customerNumber"] == "CUST-00001"
    assert till.post("/customers", json=body, headers=headers).content == first.content
    assert "number-of-" not in first.text


def test_the_answer_has_the_times_of_the_row(api: httpx.Client) -> None:
    stub = create_stub(api)
    assert api.get(f"/customers/{stub['id']}").json() == stub


@pytest.mark.parametrize(
    "call",
    [
        "select * from lock_claims(%s, '{}', '[]')",
        "select * from create_customer(%s, '{}', '[]', '{}', '{}', '[]', 'x', false, '[]', null)",
        "select * from claim_idempotency_key(%s, 1, 'a', 'b', 'c')",
    ],
)
def test_naming_another_tenant_is_refused(
    tenant: TestTenant, other_tenant: TestTenant, call: str
) -> None:
    with as_role(tenant.server.settings, "crm_app") as app:
        for scope in (tenant.id, None):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
                if scope:
                    app.execute("select set_request_scope(%s, 'all', null, '{}')", [scope])
                app.execute(call.encode(), [other_tenant.id])


def test_a_customer_beyond_the_scope_is_not_made(tenant: TestTenant) -> None:
    """The policy's own check, behind what the application refuses with a reason."""
    with as_role(tenant.server.settings, "crm_app") as app, app.transaction(force_rollback=True):
        app.execute("select set_request_scope(%s, 'own', %s, '{}')", [tenant.id, new_id()])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(
                "select * from"
                " create_customer(%s, '{}', '[]', %s, '{}', '[]', 'x', false, '[]', null)",
                [tenant.id, json.dumps(_guest(new_id()))],
            )


def _guest(customer_id: UUID) -> dict[str, Any]:
    return {
        "id": str(customer_id), "profile_status": "guest", "status": "active",
        "journey_stage": "prospect", "lifecycle": "new", "customer_type": "individual",
        "display_name": "Guest", "preferences": {},
    }  # fmt: skip
