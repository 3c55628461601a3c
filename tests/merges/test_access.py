"""Who may see which merges and suggestions; the others find what nobody has."""

from typing import Any

import httpx
import pytest

from crm_saas.kit.ids import new_id
from factories.customers import create_stub
from factories.merges import merge, read
from factories.tenants import TestTenant

NOBODY = str(new_id())


def refusal(answer: httpx.Response) -> dict[str, Any]:
    problem = answer.json()
    return {name: problem[name] for name in ("type", "status", "title", "detail", "errors")}


@pytest.mark.parametrize("path", ["/customers/merge", "/customers/merge/preview"])
@pytest.mark.parametrize("side", ["sourceId", "targetId"])
def test_anothers_customer_is_like_nobodys(
    api: httpx.Client, other_tenant: TestTenant, path: str, side: str
) -> None:
    theirs = create_stub(other_tenant.client())
    ours = create_stub(api)
    other_side = {"sourceId": "targetId", "targetId": "sourceId"}[side]
    asked, nobody = (
        refusal(api.post(path, json={other_side: ours["id"], side: customer_id}))
        for customer_id in (theirs["id"], NOBODY)
    )
    assert asked == nobody
    assert asked["status"] == 404
    assert read(other_tenant.client(), theirs) == theirs
    assert read(api, ours) == ours


@pytest.mark.parametrize(("method", "path"), [("GET", "/merges/{}"), ("POST", "/merges/{}/undo")])
def test_anothers_merge_is_like_nobodys(
    api: httpx.Client, other_tenant: TestTenant, method: str, path: str
) -> None:
    theirs = other_tenant.client()
    done = merge(theirs, create_stub(theirs), create_stub(theirs))
    asked, nobody = (
        refusal(api.request(method, path.format(merge_id))) for merge_id in (done["id"], NOBODY)
    )
    assert asked == nobody
    assert asked["status"] == 404
    assert api.get("/merges").json()["items"] == []


def test_a_team_sees_its_own_merges(api: httpx.Client, tenant: TestTenant) -> None:
    tenant.member("sales_manager", team="north")
    tenant.member("sales_manager", team="south")
    north = tenant.client("sales_manager", team="north")
    south = tenant.client("sales_manager", team="south")
    done = merge(api, create_stub(north), create_stub(north))
    assert north.get(f"/merges/{done['id']}").status_code == 200
    assert [item["id"] for item in north.get("/merges").json()["items"]] == [done["id"]]
    assert south.get("/merges").json()["items"] == []
    asked, nobody = (refusal(south.get(f"/merges/{i}")) for i in (done["id"], NOBODY))
    assert asked == nobody


def test_merges_come_in_pages(api: httpx.Client) -> None:
    done = [merge(api, create_stub(api), create_stub(api))["id"] for _ in range(3)]
    first = api.get("/merges", params={"limit": 2}).json()
    cursor = first["nextCursor"]
    last = api.get("/merges", params={"limit": 2, "cursor": cursor}).json()
    assert [item["id"] for item in first["items"] + last["items"]] == done[::-1]
    assert last["nextCursor"] is None
