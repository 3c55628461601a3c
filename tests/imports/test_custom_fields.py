"""A tenant's own fields, in files and out of them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from factories.addresses import add_address
from factories.custom import define
from factories.customers import create_guest, create_stub, new_phone
from factories.database import rows
from factories.imports import XLSX, Importing, upload
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant

Begin = Callable[..., Importing]
VALUES = {
    "note": "=Ümit أحمد",
    "shoeSize": 42,
    "weight": 71.5,
    "joined": "2024-02-29",
    "vegan": False,
    "tier": "-gold",
}
KINDS = {
    "note": "text", "shoeSize": "number", "weight": "number", "joined": "date", "vegan": "boolean",
    "tier": "choice",
}  # fmt: skip


def define_all(api: httpx.Client) -> None:
    for key, kind in KINDS.items():
        more = {"options": ["-gold", "silver"]} if kind == "choice" else {}
        define(api, key, kind, label=f"My {key}", filterable=True, **more)


def read(api: httpx.Client, customer_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/customers/{customer_id}").json()
    return found


def typed(tenant: TestTenant, customer_id: str) -> dict[str, Any]:
    """What lists are filtered by, by key."""
    found = rows(
        tenant.server.settings,
        "select f.key, coalesce(v.text_value, v.number_value::text, v.date_value::text),"
        " v.customer_created_at = c.created_at"
        " from org_custom_values v"
        " join org_custom_fields f on f.tenant_org_id = v.tenant_org_id and f.id = v.field_id"
        " join org_customers_mst c on c.tenant_org_id = v.tenant_org_id and c.id = v.customer_id"
        " where v.tenant_org_id = %s and v.customer_id = %s",
        tenant.id,
        customer_id,
    )
    assert all(same for _, _, same in found)
    return {key: value for key, value, _ in found}


def test_cells_become_values(api: httpx.Client, own: TestTenant, begin: Begin) -> None:
    define_all(api)
    define(api, "car", "text", label="Car", label2="لون السيارة")
    there = create_stub(api, customFields=VALUES)
    importing = begin(
        ["Name", "Phone", "custom.note", "My shoeSize", "joined", "VEGAN", "My tier",
         "لون السيارة"],
        ["Amal", new_phone(), "Likes  tea", "٤٢", "3/2/1990", "TRUE", "silver", "red"],
        ["Said", there["phone"], "", "43.5", "", "", "", ""],
        ["Bad", new_phone(), "", "big", "31/31/1990", "perhaps", "bronze", ""],
    )  # fmt: skip
    assert importing.state["mapping"]["لون السيارة"] == "custom.car"
    importing.run()
    assert importing.counts == {"created": 1, "updated": 1, "refused": 1}
    made = importing.rows("created")[0]["customerId"]
    values = {"note": "Likes tea", "shoeSize": 42, "joined": "1990-02-03", "vegan": True}
    assert read(api, made)["customFields"] == values | {"tier": "silver", "car": "red"}
    assert typed(own, made) == {
        "note": "likes tea", "shoeSize": "42", "joined": "1990-02-03", "vegan": "true",
        "tier": "silver",
    }  # fmt: skip
    assert read(api, there["id"])["customFields"] == VALUES | {"shoeSize": 43.5}
    assert typed(own, there["id"])["shoeSize"] == "43.5"
    for query in ({"custom.shoeSize": "43.5"}, {"custom.joined": "2024-02-29"}):
        assert [c["id"] for c in api.get("/customers", params=query).json()["items"]] == [
            there["id"]
        ]
    [refused] = importing.rows("refused")
    reasons = {problem["column"]: problem["message"] for problem in refused["problems"]}
    assert reasons["My shoeSize"].startswith("must be a number")
    assert reasons["joined"].startswith("is no date, read as day, month, year")
    assert reasons["VEGAN"] == "must be true or false"
    assert reasons["My tier"] == "must be one of -gold, silver"


def test_a_revert_brings_former_values_back(
    api: httpx.Client, own: TestTenant, begin: Begin
) -> None:
    define_all(api)
    there = create_stub(api, customFields={"shoeSize": 40, "tier": "silver"})
    before = typed(own, there["id"])
    importing = begin(
        ["Name", "Phone", "custom.shoeSize", "custom.note", "custom.tier"],
        ["Amal", there["phone"], "41", "new", ""],
        ["Fresh", new_phone(), "39", "x", ""],
    )
    importing.run(emptyCells="clear")
    made = importing.rows("created")[0]["customerId"]
    assert read(api, there["id"])["customFields"] == {"shoeSize": 41, "note": "new"}
    assert typed(own, there["id"]) == {"shoeSize": "41", "note": "new"}
    importing.revert()
    assert importing.counts == {"reverted": 2}
    assert read(api, there["id"])["customFields"] == {"shoeSize": 40, "tier": "silver"}
    assert typed(own, there["id"]) == before
    assert (read(api, made)["customFields"], typed(own, made)) == ({}, {})


def test_required_and_archived_fields(api: httpx.Client, begin: Begin) -> None:
    define(api, "shoeSize", "number")
    archived = define(api, "gone", "text")
    there = create_stub(api, customFields={"shoeSize": 40, "gone": "old"})
    define(api, "tier", "choice", required=True)
    path = f"/custom-fields/{archived['id']}"
    assert api.patch(path, json={"archived": True}).status_code == 200
    importing = begin(
        ["Name", "Phone", "custom.shoeSize", "custom.tier", "custom.gone"],
        ["None", new_phone(), "", "", "x"],
        ["Some", new_phone(), "39", "", ""],
        ["All", new_phone(), "39", "silver", ""],
        ["There", there["phone"], "41", "", ""],
    )
    state = importing.state
    assert "custom.gone" not in state["mapping"]
    answer = api.post(
        f"/imports/{importing.id}/run",
        json={"mapping": state["mapping"] | {"custom.gone": "custom.gone"}},
    )
    assert answer.json()["errors"][0]["message"].endswith("is archived, and takes no value")
    importing.run()
    assert importing.counts == {"created": 2, "updated": 1, "refused": 1}
    [refused] = importing.rows("refused")
    assert (refused["rowNumber"], refused["problems"][0]["field"]) == (3, "custom.tier")
    assert read(api, there["id"])["customFields"] == {"shoeSize": 41, "gone": "old"}


@pytest.mark.parametrize("field", ["customFields", "custom.unknown", "custom."])
def test_what_is_no_field_is_no_target(field: str, api: httpx.Client, begin: Begin) -> None:
    importing = begin(["Name", "Phone", "Things"], ["Amal", new_phone(), "x"])
    mapping = {"Name": "name", "Phone": "phone", "Things": field}
    answer = api.post(f"/imports/{importing.id}/run", json={"mapping": mapping})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "mapping.Things")


@pytest.fixture
def empty(import_server: Server) -> Iterator[httpx.Client]:
    with make_tenant(import_server) as made:
        yield made.client("owner")


def furnish(api: httpx.Client) -> None:
    define_all(api)
    whole = create_stub(
        api,
        name="=1+1",
        name2="أمل",
        notes="  'quoted'\r\n-and a line ",
        email="+amal@example.com",
        externalId="=7",
        preferences={"a": "=b"},
        annualRevenue={"amount": "12.500", "currency": "OMR"},
        dateOfBirth="1990-03-02",
        customFields=VALUES,
    )
    add_address(api, f"/customers/{whole['id']}/addresses", street="=1", isDefault=True)
    create_stub(api, name2="أمل", displayName="Some; body", customFields={"vegan": True})
    create_guest(api, notes="\t-tab", externalId="007")


def exported(api: httpx.Client, file_format: str) -> bytes:
    answer = api.get("/customers/export", params={"format": file_format})
    assert answer.status_code == 200, answer.text
    return answer.content


def known(api: httpx.Client) -> list[dict[str, Any]]:
    """What an export shows, but for what is another tenant's or another moment's."""
    own = {"id", "createdAt", "updatedAt", "customerSince", "expiresAt"}
    lines = [json.loads(line) for line in exported(api, "jsonl").splitlines()]
    return [{name: value for name, value in line.items() if name not in own} for line in lines]


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_an_export_comes_back_whole(
    file_format: str, api: httpx.Client, empty: httpx.Client, run_jobs: Callable[[], None]
) -> None:
    furnish(api)
    before = known(api)
    assert before[0]["custom.shoeSize"] == 42 and before[0]["custom.vegan"] is False
    content = exported(api, file_format)
    media_type = XLSX if file_format == "xlsx" else "text/csv"
    again = Importing(api, run_jobs, upload(api, content, media_type)["id"])
    assert "custom.shoeSize" in again.state["mapping"]
    again.run()
    assert again.counts == {"unchanged": 3}, again.rows()
    assert known(api) == before

    define_all(empty)
    first = Importing(empty, run_jobs, upload(empty, content, media_type)["id"])
    mapping = {h: f for h, f in first.state["mapping"].items() if f != "customerNumber"}
    first.run(mapping=mapping, upsertBy="externalId")
    assert first.counts == {"created": 3}, first.rows()
    assert known(empty) == before
