"""Whose customers a role sees: everywhere, or nowhere (SPEC 1.4)."""

import csv
import io
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from crm_saas.kit.ids import new_id
from factories.customers import create_stub, new_phone
from factories.tenants import TestTenant


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition("/")[2]


@dataclass
class Scoped:
    """A credential that sees one of two customers."""

    manager: httpx.Client
    narrow: httpx.Client
    mine: dict[str, Any]
    theirs: dict[str, Any]


@pytest.fixture(params=["sales_manager", "support"])
def scoped(request: pytest.FixtureRequest, tenant: TestTenant) -> Scoped:
    manager = tenant.client("manager")
    member = tenant.member(request.param, team="North")
    other = tenant.member("support", team="South")
    if request.param == "sales_manager":
        narrow = tenant.client("sales_manager", team="North")
        mine = create_stub(manager, name="Salma North", teamId=str(member.team_id))
        theirs = create_stub(manager, name="Salma South", teamId=str(other.team_id))
    else:
        narrow = tenant.client("support", member=member.email)
        mine = create_stub(manager, name="Salma Mine", assignedTo=str(member.id))
        theirs = create_stub(manager, name="Salma Theirs", assignedTo=str(other.id))
    create_stub(manager, name="Salma of nobody")
    return Scoped(manager, narrow, mine, theirs)


def test_lists_and_searches_show_what_is_in_scope(scoped: Scoped) -> None:
    for query in (
        {"total": "true"},
        {"search": "salma", "total": "true"},
        {"sort": "name"},
        {"search": "+968"},
        {"search": "salm"},
        {"search": "slama"},
    ):
        found = scoped.narrow.get("/customers", params=query).json()
        assert {c["id"] for c in found["items"]} <= {scoped.mine["id"]}, query
        assert found["total"] in {1, None}
    assert scoped.narrow.get("/customers").json()["items"][0]["id"] == scoped.mine["id"]
    for query in ({"phone": scoped.theirs["phone"]}, {"search": scoped.theirs["phone"]}):
        found = scoped.narrow.get("/customers", params=query).json()["items"]
        assert scoped.theirs["id"] not in {c["id"] for c in found}
    assert scoped.narrow.get("/customers/statistics").json()["total"] == 1


def test_what_is_out_of_scope_is_like_what_is_not(scoped: Scoped) -> None:
    assert scoped.narrow.get(f"/customers/{scoped.mine['id']}").status_code == 200
    unseen = []
    for customer_id in (scoped.theirs["id"], str(new_id())):
        answers = [
            scoped.narrow.get(f"/customers/{customer_id}"),
            scoped.narrow.get(f"/customers/{customer_id}/history"),
            scoped.narrow.get(f"/customers/{customer_id}/addresses"),
            scoped.narrow.patch(f"/customers/{customer_id}", json={"notes": "x"}),
            scoped.narrow.delete(f"/customers/{customer_id}"),
        ]
        unseen.append([(a.status_code, a.json()["type"], a.json()["detail"]) for a in answers])
    assert unseen[0] == unseen[1]
    number = scoped.theirs["customerNumber"]
    assert scoped.narrow.get(f"/customers/by-number/{number}").status_code == 404
    seen = scoped.manager.get(f"/customers/{scoped.theirs['id']}").json()
    assert seen["notes"] is None
    assert seen["status"] == "active"


def test_export_is_for_who_sees_all(scoped: Scoped, tenant: TestTenant) -> None:
    assert scoped.narrow.get("/customers/export").status_code == 403
    exported = tenant.client("auditor").get("/customers/export")
    assert len(list(csv.DictReader(io.StringIO(exported.text)))) == 3


def test_a_conflict_names_nobody_outside_the_scope(tenant: TestTenant) -> None:
    manager = tenant.client("manager")
    tenant.member("sales_manager", team="North")
    sales = tenant.client("sales_manager", team="North")
    hidden = create_stub(manager, email="hidden@example.com")
    mine = create_stub(sales)
    for answer in (
        sales.post("/customers", json={"name": "B", "phone": hidden["phone"]}),
        sales.post("/customers/find-or-create", json={"name": "B", "phone": hidden["phone"]}),
        sales.post("/customers/find-or-create", json={"name": "B", "email": "hidden@example.com"}),
        sales.patch(f"/customers/{mine['id']}", json={"phone": hidden["phone"]}),
    ):
        assert answer.status_code == 409
        assert hidden["id"] not in answer.text
        assert hidden["customerNumber"] not in answer.text
        assert hidden["displayName"] not in answer.text
    both = {"phone": mine["phone"], "email": "hidden@example.com"}
    ambiguous = sales.post("/customers/find-or-create", json=both)
    assert hidden["id"] not in ambiguous.text
    row = {"idempotencyKey": "a", "name": "B", "phone": hidden["phone"]}
    batch = sales.post("/customers/batch", json={"rows": [row]})
    assert hidden["id"] not in batch.text


def test_what_a_team_makes_is_the_teams(tenant: TestTenant) -> None:
    member = tenant.member("sales_manager", team="North")
    sales = tenant.client("sales_manager", team="North")
    for made in (
        create_stub(sales),
        sales.post("/customers/find-or-create", json={"name": "A", "phone": new_phone()}).json()[
            "customer"
        ],
    ):
        assert made["teamId"] == str(member.team_id)
        assert sales.get(f"/customers/{made['id']}").status_code == 200
    moved = sales.patch(f"/customers/{made['id']}", json={"teamId": None})
    assert moved.status_code == 403


def test_without_a_team_nobody_creates(tenant: TestTenant) -> None:
    sales = tenant.client("sales_manager")
    for path in ("/customers", "/customers/find-or-create"):
        answer = sales.post(path, json={"name": "A", "phone": new_phone()})
        assert (answer.status_code, slug(answer)) == (403, "forbidden")
    assert tenant.client("owner").get("/customers").json()["items"] == []


def test_an_auditor_sees_masked_contact_data_everywhere(tenant: TestTenant) -> None:
    manager, auditor = tenant.client("manager"), tenant.client("auditor")
    first, second, mail = "+96892345678", "+96892345699", "salim@example.com"
    made = create_stub(manager, phone=first, email=mail)
    path = f"/customers/{made['id']}"
    manager.patch(path, json={"phone": second})
    seen = auditor.get(path).json()
    assert (seen["phone"], seen["email"]) == ("+968923****99", "s****@example.com")
    for url in (
        path,
        "/customers",
        "/customers?search=salim",
        f"{path}/history",
        "/audit",
        "/customers/export",
        "/customers/export?format=jsonl",
    ):
        answer = auditor.get(url)
        assert answer.status_code == 200
        for secret in (first, second, first[4:], second[4:], mail):
            assert secret not in answer.text, url
        assert second in manager.get(url).text or url.endswith("/history"), url


def test_others_customers_do_not_crowd_out_ones_own(tenant: TestTenant) -> None:
    """The fragment index yields 200 candidates at the most: all of them must be one's own."""
    manager, member = tenant.client("manager"), tenant.member("support")
    for part in range(3):
        batch = [
            {"idempotencyKey": f"{part} {n}", "name": f"Salma {n}", "phone": new_phone()}
            for n in range(70)
        ]
        assert manager.post("/customers/batch", json={"rows": batch}).status_code == 200
    mine = create_stub(manager, name="Salma mine", assignedTo=str(member.id))
    support = tenant.client("support", member=member.email)
    found = support.get("/customers", params={"search": "alma"}).json()["items"]
    assert [customer["id"] for customer in found] == [mine["id"]]
