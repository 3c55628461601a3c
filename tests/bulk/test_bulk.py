"""Many customers at once: who is changed, who refused, what is recorded."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from bulk.doing import bulk, read, signed_in
from crm_saas.bulk.schemas import IDS_MAX
from factories.customers import create_guest, create_stub
from factories.database import rows
from factories.tenants import TestTenant


@pytest.fixture
def api(tenant: TestTenant) -> httpx.Client:
    return tenant.client("manager")


def test_an_edit_changes_those_that_differ(api: httpx.Client) -> None:
    field = {"key": "tier", "label": "Tier", "kind": "text", "filterable": True}
    api.post("/custom-fields", json=field)
    ids = [create_stub(api)["id"] for _ in range(3)]
    api.patch(f"/customers/{ids[0]}", json={"journeyStage": "lead"})
    changes = {"journeyStage": "lead", "industry": "Perfume"}
    first = bulk(api, "edit", customerIds=ids[:1], changes={"journeyStage": "lead"})
    assert (first["changed"], first["unchanged"]) == (0, 1)

    done = bulk(api, "edit", customerIds=[*ids, ids[0]], changes=changes)
    assert done | {"status": "done", "matched": 3, "changed": 3, "refused": 0} == done
    assert done["changes"] == changes
    for customer in (read(api, i) for i in ids):
        assert customer | changes == customer
    tagged = bulk(api, "edit", filter={"industry": "Perfume"}, changes={
        "customFields": {"tier": "Gold"}
    })  # fmt: skip
    assert tagged["changed"] == 3
    query = {"custom.tier": "GOLD", "total": "true"}
    assert api.get("/customers", params=query).json()["total"] == 3
    bulk(api, "edit", customerIds=ids[:2], changes={"customFields": {"tier": None}})
    assert api.get("/customers", params=query).json()["total"] == 1
    assert read(api, ids[0])["customFields"] == {}


def test_an_edit_is_a_new_version(api: httpx.Client) -> None:
    made = create_stub(api)
    etag = api.get(f"/customers/{made['id']}").headers["ETag"]
    bulk(api, "edit", customerIds=[made["id"]], changes={"locale": "ar"})
    answer = api.patch(
        f"/customers/{made['id']}", json={"locale": "en"}, headers={"If-Match": etag}
    )
    assert answer.status_code == 412


def test_each_refusal_is_told_and_holds_up_nobody(
    api: httpx.Client, other_tenant: TestTenant
) -> None:
    active, blocked, merged, survivor = (create_stub(api)["id"] for _ in range(4))
    theirs = create_guest(other_tenant.client("manager"))["id"]
    api.post(f"/customers/{blocked}/block", json={"reason": "x"})
    api.post("/customers/merge", json={"sourceId": merged, "targetId": survivor})
    unknown = str(uuid4())
    everybody = [active, blocked, merged, theirs, unknown]

    done = bulk(api, "deactivate", customerIds=everybody)

    codes = {refusal["customerId"]: refusal["code"] for refusal in done["refusals"]}
    assert codes == {
        blocked: "blocked", merged: "merged", theirs: "not-found", unknown: "not-found",
    }  # fmt: skip
    assert (done["changed"], done["refused"]) == (1, 4)
    assert [read(api, i)["status"] for i in (active, blocked)] == ["inactive", "blocked"]
    assert read(other_tenant.client("manager"), theirs)["status"] == "active"


def test_an_assignment_moves_customers(tenant: TestTenant, other_tenant: TestTenant) -> None:
    api = tenant.client("manager")
    member = str(tenant.member("support").id)
    ids = [create_stub(api)["id"] for _ in range(2)]
    done = bulk(api, "assign", customerIds=ids, changes={"assignedTo": member})
    assert done["changed"] == 2
    assert {read(api, i)["assignedTo"] for i in ids} == {member}
    stranger = str(other_tenant.member("support").id)
    body = {"verb": "assign", "customerIds": ids, "changes": {"assignedTo": stranger}}
    answer = api.post("/customers/bulk", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["changes.assignedTo"]


def test_who_may_not_do_it_one_by_one_may_not_do_it_in_bulk(tenant: TestTenant) -> None:
    made = create_stub(tenant.client("manager"))["id"]
    whom = {"customerIds": [made]}
    for role, verb, changes, status in (
        ("pos", "edit", {"locale": "ar"}, 403),
        ("pos", "edit", {"teamId": None}, 403),
        ("pos", "deactivate", None, 403),
        ("pos", "assign", {"teamId": None}, 403),
        ("sales_manager", "assign", {"teamId": None}, 403),
        ("support", "edit", {"locale": "ar"}, 403),
        ("auditor", "edit", {"locale": "ar"}, 403),
    ):
        options = {"team": "A"} if role == "sales_manager" else {}
        if role in {"sales_manager", "support"}:
            client = signed_in(tenant, role, **options)
        else:
            client = tenant.client(role)
        body = {"verb": verb, **whom} | ({"changes": changes} if changes else {})
        assert client.post("/customers/bulk", json=body).status_code == status, (role, verb)
        tried = client.post("/customers/bulk/dry-run", json=body).status_code
        assert tried == (403 if status == 403 else 200)


def test_a_team_changes_its_own_customers_alone(tenant: TestTenant) -> None:
    seller = signed_in(tenant, "sales_manager", team="Ruwi")
    own, foreign = create_stub(seller)["id"], create_stub(tenant.client("manager"))["id"]
    done = bulk(seller, "deactivate", customerIds=[own, foreign])
    assert [refusal["code"] for refusal in done["refusals"]] == ["not-found"]
    everybody = bulk(seller, "edit", filter={}, changes={"locale": "ar"})
    assert everybody["changed"] == 1
    assert read(tenant.client("manager"), foreign)["locale"] is None
    assert seller.get(f"/customers/bulk/{done['id']}").status_code == 200
    other = signed_in(tenant, "sales_manager", team="Seeb")
    assert other.get(f"/customers/bulk/{done['id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"verb": "edit", "changes": {"locale": "ar"}}, "customerIds"),
        ({"verb": "deactivate", "customerIds": [str(uuid4())], "filter": {}}, "customerIds"),
        ({"verb": "edit", "filter": {}}, "changes"),
        ({"verb": "deactivate", "filter": {}, "changes": {"locale": "ar"}}, "changes"),
        ({"verb": "assign", "filter": {}, "changes": {"locale": "ar"}}, "changes.locale"),
        (
            {"verb": "edit", "filter": {}, "changes": {"journeyStage": "nowhere"}},
            "changes.journeyStage",
        ),
        (
            {"verb": "edit", "filter": {}, "changes": {"customFields": {"x": 1}}},
            "changes.customFields.x",
        ),
        ({"verb": "edit", "filter": {}, "changes": {"phone": "+96890000000"}}, "changes.phone"),
        ({"verb": "deactivate", "filter": {"phone": "1"}}, "filter.phone"),
        ({"verb": "deactivate", "filter": {"custom": {"x": "1"}}}, "filter.custom.x"),
        ({"verb": "deactivate", "customerIds": []}, "customerIds"),
        ({"verb": "erase", "filter": {}}, "verb"),
    ],
)
def test_what_is_no_bulk_work_is_refused(api: httpx.Client, body: Any, field: str) -> None:
    for path in ("/customers/bulk", "/customers/bulk/dry-run"):
        answer = api.post(path, json=body)
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert api.get("/customers/bulk").json()["items"] == []


def test_bulk_work_has_bounds(api: httpx.Client) -> None:
    ids = [str(uuid4()) for _ in range(IDS_MAX + 1)]
    answer = api.post("/customers/bulk", json={"verb": "deactivate", "customerIds": ids})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["customerIds"]


def test_a_dry_run_counts_and_changes_nothing(api: httpx.Client) -> None:
    ids = [create_stub(api)["id"] for _ in range(3)]
    body = {"verb": "deactivate", "filter": {"status": "active"}}
    counted = api.post("/customers/bulk/dry-run", json=body)
    assert (counted.status_code, counted.json()) == (200, {"matched": 3, "matchedIsCapped": False})
    assert {read(api, i)["status"] for i in ids} == {"active"}
    assert api.get("/customers/bulk").json()["items"] == []


def test_the_same_request_again_has_its_effect_once(api: httpx.Client) -> None:
    made = create_stub(api)["id"]
    body = {"verb": "deactivate", "customerIds": [made]}
    once, again = (
        api.post("/customers/bulk", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert again.json() == once.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(api.get("/customers/bulk").json()["items"]) == 1


def test_each_customer_has_it_in_its_own_history(tenant: TestTenant) -> None:
    """As if it had been changed by hand, with what it was before; so an erasure finds it, too."""
    api = tenant.client("manager")
    field = {"key": "tier", "label": "Tier", "kind": "text", "filterable": True}
    api.post("/custom-fields", json=field)
    ids = [create_stub(api)["id"] for _ in range(3)]
    bulk(api, "edit", customerIds=ids[:1], changes={"customFields": {"tier": "silver"}})
    changes = {"journeyStage": "lead", "customFields": {"tier": "gold"}}
    bulk(api, "edit", customerIds=ids, changes=changes)
    done = bulk(api, "deactivate", customerIds=ids)

    history = [history_of(api, customer_id) for customer_id in ids]
    moved = ("customer.stage_moved", {"journeyStage": "prospect", "customFields": {}}, changes)
    off = ("customer.deactivated", {"status": "active"}, {"status": "inactive"})
    assert history[1][:2] == history[2][:2] == [off, moved]
    first, second = {"customFields": {"tier": "silver"}}, {"customFields": {}}
    assert history[0][1] == (moved[0], moved[1] | first, changes)
    assert history[0][2] == ("customer.changed", second, first)

    query = (
        "select subject_id, before, after, rows from org_events"
        " where tenant_org_id = %s and kind = 'customers.bulk_deactivated'"
    )
    [record] = rows(tenant.server.settings, query, tenant.id)
    assert record == (UUID(done["id"]), None, {"fields": ["status"], "count": 3}, {})


def history_of(api: httpx.Client, customer_id: str) -> list[tuple[str, Any, Any]]:
    events = api.get(f"/customers/{customer_id}/history").json()["items"]
    return [(event["kind"], event["before"], event["after"]) for event in events]
