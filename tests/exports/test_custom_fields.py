"""A tenant's own fields in its files, and files of those who have a value."""

import csv
import io
import json
from typing import Any

import httpx
import pytest

from exports.making import Shop
from factories.custom import define
from factories.customers import create_stub
from factories.tenants import TestTenant

VALUES: dict[str, Any] = {
    "note": "=1", "size": 42.5, "joined": "2024-02-29", "vegan": True, "tier": "gold",
}  # fmt: skip
KINDS = ("text", "number", "date", "boolean", "choice")
ELSEWHERE = "notOurs"


@pytest.fixture
def fields(api: httpx.Client, other_tenant: TestTenant) -> None:
    for key, kind in zip(VALUES, KINDS, strict=True):
        define(api, key, kind, filterable=True)
    archived = define(api, "gone", "text")
    create_stub(api, customFields=VALUES | {"gone": "old"})
    create_stub(api)
    path = f"/custom-fields/{archived['id']}"
    assert api.patch(path, json={"archived": True}).status_code == 200
    define(other_tenant.client("owner"), ELSEWHERE, "text")


@pytest.mark.usefixtures("fields")
def test_each_has_a_column(api: httpx.Client) -> None:
    answer = api.get("/customers/export", params={"format": "jsonl"})
    whole, bare = map(json.loads, answer.text.splitlines())
    own = {name: whole[name] for name in whole if name.startswith("custom.")}
    assert own == {f"custom.{key}": value for key, value in VALUES.items()}
    assert {bare[name] for name in own} == {None}
    first, second = csv.DictReader(io.StringIO(api.get("/customers/export").text))
    assert [first[name] for name in own] == ["'=1", "42.5", "2024-02-29", "true", "gold"]
    assert {second[name] for name in own} == {""}


@pytest.mark.usefixtures("fields")
@pytest.mark.parametrize("file_format", ["csv", "xlsx", "jsonl", "pdf"])
def test_a_file_is_of_those_who_have_a_value(file_format: str, shop: Shop) -> None:
    wanted = {"custom.tier": "gold", "format": file_format}
    assert shop.client.get("/customers/export", params=wanted).status_code == 200
    made = shop.made(file_format, custom={"tier": "gold", "size.from": "42"})
    assert (made["status"], made["rows"]["done"]) == ("ready", 1)
    bad = {"format": file_format, "filter": {"custom": {ELSEWHERE: "x"}}}
    answer = shop.client.post("/exports", json=bad)
    assert answer.json()["errors"][0]["field"] == f"filter.custom.{ELSEWHERE}"
    assert (
        shop.client.get("/customers/export", params={f"custom.{ELSEWHERE}": "x"}).status_code == 422
    )
