"""Bulk work through the API."""

from typing import Any

import httpx

from factories.tenants import TestTenant


def bulk(api: httpx.Client, verb: str, **body: Any) -> dict[str, Any]:
    answer = api.post("/customers/bulk", json={"verb": verb} | body)
    assert answer.status_code == 201, answer.text
    done: dict[str, Any] = answer.json()
    return done


def read(api: httpx.Client, customer_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/customers/{customer_id}").json()
    return found


def signed_in(tenant: TestTenant, role: str, **options: Any) -> httpx.Client:
    if "team" in options:
        tenant.client("owner").post("/teams", json={"name": options["team"]})
    member = tenant.member(role, **options)
    with tenant.server.client() as anonymous:
        answer = anonymous.post(
            "/auth/login", json={"email": member.email, "password": "a long password"}
        )
    return tenant.stack.enter_context(tenant.server.client(answer.json()["token"]))
