"""Who may see and change which addresses; the others find what nobody has."""

import httpx
import pytest

from crm_saas.kit.ids import new_id
from factories.addresses import add_address as add
from factories.customers import create_stub
from factories.tenants import TestTenant

ROUTES = [
    ("GET", "", None),
    ("POST", "", {"city": "Muscat"}),
    ("GET", "/{id}", None),
    ("PATCH", "/{id}", {"label": "Taken"}),
    ("DELETE", "/{id}", None),
    ("POST", "/{id}/default", None),
    ("POST", "/{id}/verify", {}),
    ("POST", "/{id}/reject", {"notes": "Mine now"}),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_anothers_is_like_what_nobody_has(
    api: httpx.Client,
    addresses: str,
    foreign: httpx.Client,
    method: str,
    path: str,
    body: dict[str, str] | None,
) -> None:
    customer_id, address_id = addresses.split("/")[2], add(api, addresses)
    before = api.get(addresses).json()
    nobody = str(new_id())
    answers = []
    for customer, address in ((customer_id, address_id), (nobody, nobody)):
        url = f"/customers/{customer}/addresses" + path.format(id=address)
        problem = foreign.request(method, url, json=body).json()
        answers.append({n: problem[n] for n in ("type", "status", "title", "detail", "errors")})
    assert answers[0] == answers[1]
    assert answers[0]["status"] == 404
    assert api.get(addresses).json() == before


def test_an_address_belongs_to_its_customer(api: httpx.Client, addresses: str) -> None:
    address_id = add(api, addresses)
    other = f"/customers/{create_stub(api)['id']}/addresses/{address_id}"
    assert api.get(other).status_code == 404
    assert api.delete(other).status_code == 404
    assert api.get(f"{addresses}/{address_id}").status_code == 200


@pytest.mark.parametrize(
    ("role", "reads", "writes", "verifies"),
    [
        ("owner", True, True, True),
        ("pos", True, True, False),
        ("auditor", True, False, False),
        ("publishable", False, False, False),
    ],
)
def test_what_a_role_may_do(
    api: httpx.Client,
    addresses: str,
    tenant: TestTenant,
    role: str,
    reads: bool,
    writes: bool,
    verifies: bool,
) -> None:
    one = f"{addresses}/{add(api, addresses)}"
    somebody = tenant.client(role)
    assert somebody.get(one).status_code == (200 if reads else 403)
    patched = somebody.patch(one, json={"label": "Shop"})
    assert patched.status_code == (200 if writes else 403)
    assert somebody.post(f"{one}/verify").status_code == (200 if verifies else 403)


@pytest.mark.parametrize("role", ["sales_manager", "support"])
def test_out_of_scope_is_out_of_sight(
    api: httpx.Client, addresses: str, tenant: TestTenant, role: str
) -> None:
    """A key without a team or a member sees nobody's customers."""
    added = api.post(addresses, json={"latitude": 23.5, "longitude": 58.5}).json()
    somebody = tenant.client(role)
    assert somebody.get(addresses).status_code == 404
    assert somebody.get(f"{addresses}/{added['id']}").status_code == 404
    near = somebody.get("/addresses/near", params={"latitude": 23.5, "longitude": 58.5})
    assert near.json() == {"items": []}
    assert somebody.get("/addresses/verification/statistics").json()["total"] == 0
    if role == "sales_manager":
        assert somebody.get("/addresses/verification/queue").json()["items"] == []
        assert somebody.patch(f"{addresses}/{added['id']}", json={}).status_code == 404
