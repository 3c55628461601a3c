"""What a tenant may have its own way: number format, policies, a schema for preferences."""

import asyncio
import json
from typing import Any

import pytest

from crm_saas import operator
from crm_saas.customers.schemas import Stage
from crm_saas.kit.errors import InvalidInput
from crm_saas.tenancy.policies import STAGE_PATTERN
from factories.customers import create_guest, create_stub, new_phone
from factories.database import rows
from factories.tenants import TestTenant

SCHEMA = {
    "type": "object",
    "properties": {"scent": {"enum": ["oud", "rose"]}},
    "additionalProperties": False,
}


def test_a_new_number_format_holds_for_new_numbers_only(tenant: TestTenant) -> None:
    old = create_guest(tenant.client())
    _configure(tenant, policies={}, number_prefix="VIP-", number_width=3)
    new = create_guest(tenant.client())
    assert (old["customerNumber"], new["customerNumber"]) == ("CUST-00001", "VIP-002")
    assert tenant.client().get("/customers/by-number/CUST-00001").json()["id"] == old["id"]


def test_preferences_follow_the_tenants_schema(
    tenant: TestTenant, other_tenant: TestTenant
) -> None:
    _configure(tenant, policies={"preferences_schema": SCHEMA})
    body = {"name": "Amal", "phone": new_phone(), "preferences": {"scent": "leather"}}
    refused = tenant.client().post("/customers", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "preferences"
    assert "leather" in refused.json()["errors"][0]["message"]
    body["preferences"] = {"scent": "oud"}
    assert tenant.client().post("/customers", json=body).status_code == 201
    body["preferences"] = {"anything": 1}
    assert other_tenant.client().post("/customers", json=body).status_code == 201


def test_a_schema_is_checked_without_asking_anybody(tenant: TestTenant) -> None:
    for reference in ("http://127.0.0.1:9/schema.json", "#/$defs/nothing"):
        _configure(tenant, policies={"preferences_schema": {"$ref": reference}})
        refused = tenant.client().post("/customers", json={"type": "guest", "preferences": {}})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "preferences"
        assert reference.strip("#") in refused.json()["detail"]


def test_journey_stages_are_the_tenants(tenant: TestTenant) -> None:
    _configure(tenant, policies={"journey_stages": ["visitor", "member"]})
    guest = create_guest(tenant.client(), journeyStage="visitor")
    moved = tenant.client().patch(f"/customers/{guest['id']}", json={"journeyStage": "member"})
    assert moved.json()["journeyStage"] == "member"
    refused = tenant.client().patch(f"/customers/{guest['id']}", json={"journeyStage": "owner"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "journeyStage")


def test_new_customers_begin_at_the_first_stage(tenant: TestTenant) -> None:
    assert create_guest(tenant.client())["journeyStage"] == "prospect"
    _configure(tenant, policies={"journey_stages": ["visitor", "member"]})
    assert create_guest(tenant.client())["journeyStage"] == "visitor"
    assert create_stub(tenant.client())["journeyStage"] == "visitor"
    assert create_guest(tenant.client(), journeyStage="member")["journeyStage"] == "member"


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("journey_stages", {"policies": {"journey_stages": []}}),
        ("journey_stages[1]", {"policies": {"journey_stages": ["lead", ""]}}),
        ("journey_stages[0]", {"policies": {"journey_stages": ["A lead"]}}),
        ("journey_stages", {"policies": {"journey_stages": ["lead", "lead"]}}),
        ("guest_expiry_days", {"policies": {"guest_expiry_days": 0}}),
        ("guest_expiry_days", {"policies": {"guest_expiry_days": 10**9}}),
        ("merge_undo_days", {"policies": {"merge_undo_days": -1}}),
        ("", {"policies": {"unheard_of": 1}}),
        ("number_prefix", {"policies": {}, "number_prefix": "a b"}),
        ("number_width", {"policies": {}, "number_width": 19}),
    ],
)
def test_what_is_out_of_bounds_is_refused(
    tenant: TestTenant, field: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        _configure(tenant, **changes)
    assert [error.field for error in refused.value.fields] == [field]


def test_a_tenants_stage_is_one_that_customers_may_have() -> None:
    (meta,) = Stage.__metadata__
    assert meta.pattern.startswith(STAGE_PATTERN)


def test_two_changes_at_once_keep_both(tenant: TestTenant) -> None:
    async def both() -> None:
        settings = tenant.server.settings
        await asyncio.gather(
            *[
                operator.configure_tenant(settings, slug=tenant.slug, policies={name: 7})
                for name in ("guest_expiry_days", "merge_undo_days")
            ]
        )

    for _ in range(5):
        _configure(tenant, policies={"guest_expiry_days": None, "merge_undo_days": None})
        asyncio.run(both())
        [(policies,)] = rows(
            tenant.server.settings,
            "select policies from sys_tenants_mst where id = %s",
            tenant.id,
        )
        assert policies == {"guest_expiry_days": 7, "merge_undo_days": 7}


def test_a_schema_that_is_none_is_refused() -> None:
    assert operator.read_json_schema(json.dumps(SCHEMA).encode()) == SCHEMA
    whole = {"$defs": {"a": {"type": "string"}}, "properties": {"b": {"$ref": "#/$defs/a"}}}
    assert operator.read_json_schema(json.dumps(whole).encode()) == whole
    for bad in (
        b"nonsense",
        b'{"type": "elephant"}',
        b"[]",
        b'{"$ref": "https://example.com/schema.json"}',
        b'{"properties": {"a": {"items": {"$ref": "#/$defs/nothing"}}}}',
    ):
        try:
            operator.read_json_schema(bad)
        except operator.InvalidInput:
            continue
        raise AssertionError(f"{bad!r} was taken")


def _configure(tenant: TestTenant, **changes: object) -> None:
    asyncio.run(operator.configure_tenant(tenant.server.settings, slug=tenant.slug, **changes))
