"""Saved views: kept as they were sent, listed by, shared by those who may, nobody else's."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from crm_saas.customers.saved_view_schemas import VIEWS_MAX, SaveView
from crm_saas.customers.saved_views import save_view
from crm_saas.kit.context import Actor
from crm_saas.kit.db import Database
from crm_saas.tenancy.registry import job_context
from factories.customers import create_stub
from factories.tenants import TestTenant


def save(api: httpx.Client, name: str, **body: Any) -> dict[str, Any]:
    answer = api.post("/views", json={"name": name} | body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def listed(api: httpx.Client, view: dict[str, Any], **query: Any) -> list[str]:
    answer = api.get("/customers", params={"view": view["id"], **query})
    assert answer.status_code == 200, answer.text
    return [customer["id"] for customer in answer.json()["items"]]


def test_a_list_is_asked_for_by_a_view(api: httpx.Client) -> None:
    first, second, other = (create_stub(api, name=name)["id"] for name in ("B", "A", "C"))
    for customer in (first, second):
        api.patch(f"/customers/{customer}", json={"journeyStage": "waiting"})
    waiting = {"journeyStage": "waiting", "createdFrom": "2020-01-01"}
    view = save(api, "Waiting", filter=waiting, sort="name", columns=["phone"])
    assert view | {"filter": waiting, "sort": "name", "isOwn": True, "isFast": False} == view
    assert listed(api, view) == [second, first]
    assert listed(api, view, sort="createdAt") == [first, second]
    assert listed(api, view, journeyStage="prospect") == [other]
    assert listed(api, view, search="A") == [second]
    both = {"view": view["id"], "search": "A"}
    without = api.get("/customers", params={"search": "A", "sort": "name"})
    assert without.status_code == 422
    assert api.get("/customers", params=both | {"sort": "name"}).status_code == 422

    changed = api.patch(f"/views/{view['id']}", json={"sort": "-name", "filter": {}}).json()
    assert (changed["filter"], changed["columns"]) == ({}, ["phone"])
    assert listed(api, view) == [other, first, second]
    stale = api.patch(f"/views/{view['id']}", json={"sort": None}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert api.delete(f"/views/{view['id']}").status_code == 204
    assert api.get("/customers", params={"view": view["id"]}).status_code == 404


def test_a_view_holds_custom_fields(api: httpx.Client) -> None:
    field = {"key": "tier", "label": "Tier", "kind": "text", "filterable": True}
    api.post("/custom-fields", json=field)
    made = create_stub(api, customFields={"tier": "gold"})["id"]
    create_stub(api)
    gold = save(api, "Gold", filter={"custom": {"tier": "Gold"}})
    assert listed(api, gold) == [made]
    api.post("/custom-fields", json=field | {"key": "city", "label": "City"})
    both = create_stub(api, customFields={"tier": "gold", "city": "Sur"})["id"]
    create_stub(api, customFields={"tier": "silver", "city": "Sur"})
    assert listed(api, gold, **{"custom.city": "sur"}) == [both]
    assert len(listed(api, gold, **{"custom.tier": "silver"})) == 1


def test_one_is_ones_own_until_it_is_shared(tenant: TestTenant, other_tenant: TestTenant) -> None:
    manager, till = tenant.client("manager"), tenant.client("pos")
    private, shared = save(manager, "Mine"), save(manager, "Ours", shared=True)
    assert [view["name"] for view in till.get("/views").json()["items"]] == ["Ours"]
    assert till.get(f"/views/{shared['id']}").json()["isOwn"] is False
    for client in (till, other_tenant.client("manager")):
        for answer in (
            client.get(f"/views/{private['id']}"),
            client.get("/customers", params={"view": private["id"]}),
            client.patch(f"/views/{private['id']}", json={"name": "X"}),
            client.delete(f"/views/{private['id']}"),
            client.get(f"/views/{uuid4()}"),
        ):
            assert answer.status_code == 404
    assert other_tenant.client("manager").get("/views").json()["items"] == []
    assert till.patch(f"/views/{shared['id']}", json={"name": "X"}).status_code == 403
    assert till.delete(f"/views/{shared['id']}").status_code == 403
    assert till.post("/views", json={"name": "X", "shared": True}).status_code == 403
    own = save(till, "Ours")
    assert till.patch(f"/views/{own['id']}", json={"shared": True}).status_code == 403
    answer = tenant.client("owner").patch(f"/views/{shared['id']}", json={"name": "All of us"})
    assert answer.json()["name"] == "All of us"
    assert tenant.client("publishable").get("/views").status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"filter": {"status": "gone"}}, "filter.status"),
        ({"filter": {"nothing": 1}}, "filter.nothing"),
        ({"filter": {"phone": "1"}}, "filter.phone"),
        ({"filter": {"createdFrom": "soon"}}, "filter.createdFrom"),
        ({"filter": {"custom": {"x": "1"}}}, "filter.custom.x"),
        ({"sort": "age"}, "sort"),
        ({"columns": ["<b>"]}, "columns[0]"),
    ],
)
def test_it_is_checked_as_a_list_is(api: httpx.Client, body: dict[str, Any], field: str) -> None:
    answer = api.post("/views", json={"name": "A view"} | body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert api.get("/views").json()["items"] == []


def test_names_are_ones_own_and_there_are_bounds(api: httpx.Client) -> None:
    save(api, "One")
    answer = api.post("/views", json={"name": "One"})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "name-taken")
    for number in range(VIEWS_MAX - 1):
        save(api, f"View {number}")
    answer = api.post("/views", json={"name": "More"})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "too-many-views")


def test_one_name_that_is_saved_twice_at_the_same_moment(tenant: TestTenant) -> None:
    """What another transaction has saved and not committed cannot be seen, only waited for."""
    settings, owner = tenant.server.settings, uuid4()
    actor = Actor(kind="key", id=owner, name="twice", role="manager")

    async def save_one(database: Database) -> None:
        async with job_context(database, tenant.id, "test") as context:
            await save_view(replace(context, actor=actor), SaveView(name="Mine"))

    async def save_both() -> list[BaseException | None]:
        database = Database(settings)
        try:
            return await asyncio.gather(
                *(save_one(database) for _ in range(2)), return_exceptions=True
            )
        finally:
            await database.close()

    outcomes = asyncio.run(save_both())
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NameTaken", "NoneType"]
