"""What a tenant may have its own way: number format, policies, a schema for preferences."""

import asyncio
import json

from crm_saas import operator
from factories.customers import create_guest, new_phone
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


def test_journey_stages_are_the_tenants(tenant: TestTenant) -> None:
    _configure(tenant, policies={"journey_stages": ["visitor", "member"]})
    guest = create_guest(tenant.client(), journeyStage="visitor")
    moved = tenant.client().patch(f"/customers/{guest['id']}", json={"journeyStage": "member"})
    assert moved.json()["journeyStage"] == "member"
    refused = tenant.client().patch(f"/customers/{guest['id']}", json={"journeyStage": "owner"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "journeyStage")


def test_a_schema_that_is_none_is_refused() -> None:
    assert operator.read_json_schema(json.dumps(SCHEMA).encode()) == SCHEMA
    for bad in (b"nonsense", b'{"type": "elephant"}', b"[]"):
        try:
            operator.read_json_schema(bad)
        except operator.InvalidInput:
            continue
        raise AssertionError(f"{bad!r} was taken")


def _configure(tenant: TestTenant, **changes: object) -> None:
    asyncio.run(operator.configure_tenant(tenant.server.settings, slug=tenant.slug, **changes))
