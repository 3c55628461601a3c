"""Fields that a tenant defines: what they take, who sees and changes them, lists by them."""

from typing import Any

import httpx
import pytest

from crm_saas.custom.schemas import FIELDS_MAX
from factories.custom import define
from factories.customers import create_stub, new_phone
from factories.database import rows
from factories.tenants import TestTenant

KINDS: dict[str, Any] = {
    "note": "text",
    "shoeSize": "number",
    "joined": "date",
    "vegan": "boolean",
    "tier": "choice",
}


def define_all(api: httpx.Client, **more: Any) -> None:
    for key, kind in KINDS.items():
        define(api, key, kind, filterable=True, **more)


VALUES = {
    "note": "Ümit أحمد",
    "shoeSize": 42.5,
    "joined": "2024-02-29",
    "vegan": True,
    "tier": "gold",
}


def found(api: httpx.Client, **query: Any) -> list[str]:
    answer = api.get("/customers", params=query)
    assert answer.status_code == 200, answer.text
    return [customer["id"] for customer in answer.json()["items"]]


def refused(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


def test_values_come_back_as_they_were_sent(api: httpx.Client) -> None:
    define_all(api)
    made = create_stub(api, customFields=VALUES)
    assert made["customFields"] == VALUES
    path = f"/customers/{made['id']}"
    assert api.get(path).json()["customFields"] == VALUES

    changed = api.patch(path, json={"customFields": {"shoeSize": None, "tier": "silver"}}).json()
    assert changed["customFields"] == {k: v for k, v in VALUES.items() if k != "shoeSize"} | {
        "tier": "silver"
    }
    assert (
        api.patch(path, json={"name": "Another"}).json()["customFields"]
        == (changed["customFields"])
    )
    kinds = api.get(f"{path}/history").json()["items"]
    before = {"customFields": VALUES}
    assert before in [event["before"] for event in kinds]


def test_lists_filter_by_typed_values(api: httpx.Client) -> None:
    define_all(api)
    one = create_stub(api, customFields=VALUES)["id"]
    other = create_stub(api, customFields={"shoeSize": 38, "vegan": False, "joined": "2025-01-01"})
    create_stub(api)
    for query in (
        {"custom.note": "umit احمد"},
        {"custom.shoeSize": "42.5"},
        {"custom.shoeSize.from": "39"},
        {"custom.joined.before": "2024-12-31"},
        {"custom.joined": "2024-02-29", "custom.vegan": "true"},
        {"custom.tier": "gold", "sort": "name"},
    ):
        assert found(api, **query) == [one], query
        total = api.get("/customers", params=query | {"total": "true"}).json()
        assert (total["total"], total["totalIsUnknown"]) == (1, False)
    assert found(api, **{"custom.vegan": "false"}) == [other["id"]]
    assert found(api, **{"custom.shoeSize.from": "38", "custom.shoeSize.before": "42.5"}) == [
        other["id"]
    ]
    api.patch(f"/customers/{one}", json={"customFields": {"tier": None}})
    assert found(api, **{"custom.tier": "gold"}) == []
    lines = api.get("/customers/export", params={"custom.vegan": "true", "format": "jsonl"})
    assert len(lines.text.splitlines()) == 1


def test_pages_by_a_custom_field_hold_everybody_once(api: httpx.Client) -> None:
    define(api, "vip", "boolean", filterable=True)
    made = [create_stub(api, customFields={"vip": True})["id"] for _ in range(5)]
    seen: list[str] = []
    query: dict[str, Any] = {"custom.vip": "true", "limit": 2}
    for _ in range(3):
        page = api.get("/customers", params=query).json()
        assert page["isFast"]
        seen += [customer["id"] for customer in page["items"]]
        query["cursor"] = page["nextCursor"]
    assert seen == made[::-1]
    assert query["cursor"] is None


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"note": 7}, "note"),
        ({"note": "x" * 501}, "note"),
        ({"note": "a\u202eb"}, "note"),
        ({"shoeSize": "42"}, "shoeSize"),
        ({"shoeSize": True}, "shoeSize"),
        ({"shoeSize": 2**60}, "shoeSize"),
        ({"joined": "29.2.2024"}, "joined"),
        ({"joined": "2023-02-29"}, "joined"),
        ({"vegan": "yes"}, "vegan"),
        ({"tier": "bronze"}, "tier"),
        ({"unknown": 1}, "unknown"),
        ({"note": ["a"]}, "note"),
    ],
)
def test_what_is_no_value_is_refused(api: httpx.Client, values: Any, field: str) -> None:
    define_all(api)
    body = {"type": "stub", "name": "A B", "phone": new_phone(), "customFields": values}
    [(name, message)] = refused(api.post("/customers", json=body)).items()
    assert name == f"customFields.{field}"
    assert message
    assert found(api) == []


def test_an_unknown_key_is_told_the_known_ones(api: httpx.Client) -> None:
    define(api, "shoeSize", "number")
    made = create_stub(api)
    answer = api.patch(f"/customers/{made['id']}", json={"customFields": {"size": 1}})
    assert refused(answer) == {"customFields.size": "is no custom field; there are shoeSize"}
    answer = api.get("/customers", params={"custom.shoeSize": "1"})
    assert refused(answer) == {"custom.shoeSize": "is no field to filter by; there is none"}
    for name in ("custom", "custom.", "other.key"):
        assert name in refused(api.get("/customers", params={name: "1"}))


def test_a_required_one_comes_with_the_others_and_stays(api: httpx.Client) -> None:
    define(api, "tier", "choice", required=True)
    define(api, "vegan", "boolean")
    body = {"type": "stub", "name": "A B", "phone": new_phone()}
    answer = api.post("/customers", json=body | {"customFields": {"vegan": True}})
    assert refused(answer) == {"customFields.tier": "is required"}
    made = create_stub(api, customFields={"tier": "gold"})
    answer = api.patch(f"/customers/{made['id']}", json={"customFields": {"tier": None}})
    assert refused(answer) == {"customFields.tier": "is required"}
    assert api.post("/customers", json=body).status_code == 201, "a till need not know of it"


def test_definitions_change_within_bounds(api: httpx.Client) -> None:
    made = define(api, "tier", "choice", label2="الفئة")
    path = f"/custom-fields/{made['id']}"
    api.patch(path, json={"label": "Rank", "options": ["gold", "silver", "bronze"]})
    [listed] = api.get("/custom-fields").json()["items"]
    assert (listed["label"], listed["label2"], listed["options"][-1]) == ("Rank", "الفئة", "bronze")
    assert "options" in refused(api.patch(path, json={"options": ["gold"]}))
    assert "key" in refused(api.patch(path, json={"key": "other"}))
    customer = create_stub(api, customFields={"tier": "bronze"})

    archived = api.patch(path, json={"archived": True}).json()
    assert archived["archivedAt"] is not None
    assert api.get(f"/customers/{customer['id']}").json()["customFields"] == {"tier": "bronze"}
    answer = api.patch(f"/customers/{customer['id']}", json={"customFields": {"tier": "gold"}})
    assert refused(answer) == {"customFields.tier": "is archived, and takes no value"}
    assert api.patch(path, json={"archived": False}).json()["archivedAt"] is None

    stale = api.patch(path, json={"label": "X"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412


def test_what_is_no_definition_is_refused(api: httpx.Client) -> None:
    define(api, "tier", "choice")
    answer = api.post("/custom-fields", json={"key": "tier", "label": "A", "kind": "text"})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (
        409,
        "custom-field-key-taken",
    )
    for body, field in (
        ({"key": "Tier"}, "key"),
        ({"key": "a.b"}, "key"),
        ({"kind": "money"}, "kind"),
        ({"kind": "choice"}, "options"),
        ({"kind": "text", "options": ["a"]}, "options"),
        ({"kind": "choice", "options": ["a", "a"]}, "options"),
        ({"label": "\u202e"}, "label"),
    ):
        answer = api.post("/custom-fields", json={"key": "x", "label": "X", "kind": "text"} | body)
        assert set(refused(answer)) == {field}


def test_definitions_have_bounds(api: httpx.Client) -> None:
    for number in range(FIELDS_MAX):
        define(api, f"f{number}", "number")
    answer = api.post("/custom-fields", json={"key": "more", "label": "A", "kind": "text"})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (
        409,
        "too-many-custom-fields",
    )


def test_who_reads_sees_and_owners_define(tenant: TestTenant, other_tenant: TestTenant) -> None:
    made = define(tenant.client("owner"), "tier", "choice", filterable=True)
    body = {"key": "x", "label": "X", "kind": "text"}
    for role in ("pos", "support", "auditor", "sales_manager"):
        client = tenant.client(role)
        if role in {"pos", "auditor"}:
            assert len(client.get("/custom-fields").json()["items"]) == 1
        assert client.post("/custom-fields", json=body).status_code == 403
        assert client.patch(f"/custom-fields/{made['id']}", json={}).status_code == 403
    other = other_tenant.client("owner")
    assert other.get("/custom-fields").json()["items"] == []
    assert other.patch(f"/custom-fields/{made['id']}", json={"label": "X"}).status_code == 404
    assert "custom.tier" in refused(other.get("/customers", params={"custom.tier": "gold"}))


def test_a_merge_chooses_each_and_its_undo_restores_them(api: httpx.Client) -> None:
    define_all(api)
    source = create_stub(api, customFields={"tier": "gold", "shoeSize": 40, "note": "theirs"})
    target = create_stub(api, customFields={"tier": "silver", "shoeSize": 38, "vegan": True})
    pair = {"sourceId": source["id"], "targetId": target["id"]}
    preview = api.post("/customers/merge/preview", json=pair).json()
    clashes = {clash["field"]: clash["choice"] for clash in preview["clashes"]}
    assert clashes | {"customFields.tier": "target", "customFields.shoeSize": "target"} == clashes
    assert preview["choices"]["customFields"] == {
        "note": "source", "shoeSize": "target", "tier": "target", "vegan": "target",
    }  # fmt: skip

    chosen = pair | {"choices": {"customFields": {"tier": "source"}}}
    merged = {"tier": "gold", "shoeSize": 38, "vegan": True, "note": "theirs"}
    assert api.post("/customers/merge/preview", json=chosen).json()["result"]["customFields"] == (
        merged
    )
    done = api.post("/customers/merge", json=chosen).json()
    assert api.get(f"/customers/{target['id']}").json()["customFields"] == merged
    assert found(api, **{"custom.tier": "gold"}) == [target["id"]]
    assert found(api, **{"custom.shoeSize": "40"}) == []

    assert api.post(f"/merges/{done['id']}/undo").status_code == 200
    for customer in (source, target):
        read = api.get(f"/customers/{customer['id']}").json()
        assert read["customFields"] == customer["customFields"]
    assert found(api, **{"custom.tier": "gold"}) == [source["id"]]
    assert found(api, **{"custom.tier": "silver"}) == [target["id"]]

    wrong = pair | {"choices": {"customFields": {"size": "source"}}}
    answer = api.post("/customers/merge/preview", json=wrong)
    assert refused(answer) == {"choices.customFields.size": "neither of the two has it"}


def test_a_customer_without_values_costs_no_row(tenant: TestTenant) -> None:
    api = tenant.client("manager")
    define(api, "tier", "choice", filterable=True)
    define(api, "note", "text")
    create_stub(api)
    create_stub(api, customFields={"note": "kept with the customer alone"})
    query = "select count(*) from org_custom_values where tenant_org_id = %s"
    assert rows(tenant.server.settings, query, tenant.id) == [(0,)]
