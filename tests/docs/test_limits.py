"""The page of limits is the code's, and each row names a test that is there."""

import importlib
import re
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from crm_saas.customers.preferences import BYTES_MAX
from crm_saas.exports.rows import TIMEOUT_SECONDS
from crm_saas.kit.paging import LIMIT_DEFAULT
from crm_saas.kit.schemas import EmailText, LongText, Name, PhoneText
from crm_saas.kit.settings import Settings
from crm_saas.otp.budgets import LIMITS
from factories.customers import create_guest
from factories.tenants import TestTenant
from shell_blocks import ROOT

PAGE = ROOT / "docs/limits.md"
SQL_REFERENCE = re.compile(r"(sql/functions/\w+\.sql) (\w+)")
ROLE_REFERENCE = re.compile(r"sql/roles\.sql (\w+) (\w+)")


def listed() -> list[list[str]]:
    lines = re.findall(r"^\|(.*)\|$", PAGE.read_text(), re.MULTILINE)
    found = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [row for row in found if row[0] not in ("what", "---")]


def meant(reference: str) -> int:
    """The number that the code has."""
    if found := ROLE_REFERENCE.fullmatch(reference):
        words = rf"alter role {found[1]} set {found[2]} = '(\d+)s'"
        return int(re.findall(words, (ROOT / "sql/roles.sql").read_text())[0])
    if found := SQL_REFERENCE.fullmatch(reference):
        words = rf"\b{found[2]} constant integer := (\d+)"
        return int(re.findall(words, (ROOT / found[1]).read_text())[0])
    if reference.startswith("otp.budgets "):
        return next(limit.limit for limit in LIMITS if limit.kind == reference.split()[1])
    return _number(_named(reference))


def _named(reference: str) -> Any:
    module, *rest = _importable(reference)
    value = importlib.import_module(f"crm_saas.{module}")
    for name in rest:
        value = getattr(value, name)
    return value


def _importable(reference: str) -> list[str]:
    """`kit.settings.Settings.pool_size` is in the module kit.settings."""
    parts = reference.split(".")
    return [".".join(parts[:2]), *parts[2:]]


def _number(value: Any) -> int:
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if hasattr(value, "__metadata__"):
        return next(m.max_length for m in value.__metadata__ if isinstance(m, msgspec.Meta))
    return int(value)


@pytest.mark.parametrize("row", listed(), ids=lambda row: row[0][:40])
def test_the_page_says_what_the_code_does(row: list[str]) -> None:
    _, value, reference, _, test = row
    if reference:
        assert int(value.replace(",", "")) == meant(reference.strip("`"))
    file, _, name = test.strip("`").partition("::")
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), test


def test_the_page_names_every_budget_of_codes() -> None:
    named = {row[2].strip("`").removeprefix("otp.budgets ") for row in listed()}
    assert {limit.kind for limit in LIMITS} <= named


def test_lengths_are_the_documents(tenant: TestTenant) -> None:
    api = tenant.client("owner")
    for field, kind in (
        ("name", Name),
        ("notes", LongText),
        ("email", EmailText),
        ("phone", PhoneText),
    ):
        body = {"type": "guest", field: "a" * (_number(kind) + 1)}
        refused = api.post("/customers", json=body)
        assert refused.status_code == 422
        assert [error["field"] for error in refused.json()["errors"]] == [field]
    longest = create_guest(api, name="a" * _number(Name), notes="b" * _number(LongText))
    assert (len(longest["name"]), len(longest["notes"])) == (_number(Name), _number(LongText))
    for _ in range(LIMIT_DEFAULT):
        create_guest(api)
    assert len(api.get("/customers").json()["items"]) == LIMIT_DEFAULT


def test_preferences_have_a_size(tenant: TestTenant) -> None:
    def body(size: int) -> dict[str, Any]:
        return {"type": "guest", "preferences": {"a": "x" * (size - len('{"a":""}'))}}

    api = tenant.client("owner")
    assert api.post("/customers", json=body(BYTES_MAX)).status_code == 201
    refused = api.post("/customers", json=body(BYTES_MAX + 1))
    assert [error["field"] for error in refused.json()["errors"]] == ["preferences"]


def test_the_database_keeps_the_times(shared_settings: Settings) -> None:
    with psycopg.connect(shared_settings.url("crm_app"), autocommit=True) as connection:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            [shown] = connection.execute(f"show {name}".encode()).fetchone() or [""]
            assert shown == f"{meant(f'sql/roles.sql crm_app {name}')}s"
    assert TIMEOUT_SECONDS == 600
