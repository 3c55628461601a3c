"""The trail as its readers see it."""

import re
from typing import Any, get_args

import pytest

from crm_saas.audit.kinds import EventKind
from crm_saas.audit.queries import shown
from crm_saas.imports.targets import FIELDS
from crm_saas.kit.settings import ROOT
from crm_saas.wiring import JOBS, PERIODIC_JOBS
from factories.customers import create_stub
from factories.tenants import TestTenant

KINDS = set(get_args(EventKind))


@pytest.mark.parametrize(
    ("stored", "seen"),
    [
        (None, None),
        ({"email": "a@example.com", "email_key": "a@example.com"}, {"email": "a@example.com"}),
        ({"person_id": None, "street_norm": "x", "postal_code": "1"}, {"postalCode": "1"}),
        ({"moved_rows": [{"row_id": 1, "phone_key": 2}]}, {"movedRows": [{"rowId": 1}]}),
        (
            {"preferences": {"shoe_size": {"a_key": 1}}},
            {"preferences": {"shoe_size": {"a_key": 1}}},
        ),
        ({"address_line_2": "snake_case"}, {"addressLine2": "snake_case"}),
    ],
)
def test_names_are_those_of_the_api(stored: Any, seen: Any) -> None:
    assert shown(stored) == seen


def test_no_column_shows(tenant: TestTenant) -> None:
    api = tenant.client("owner")
    made = create_stub(api, email="amal@example.com", preferences={"shoe_size": 38})
    api.patch(f"/customers/{made['id']}", json={"companyName": "Amal LLC"})
    for path in ("/audit", f"/customers/{made['id']}/history"):
        answer = api.get(path)
        assert answer.status_code == 200
        names = set(re.findall(r'"(\w+)":', answer.text))
        assert {name for name in names if "_" in name} <= {"shoe_size"}
        assert "companyName" in names


def test_the_kinds_are_those_that_are_recorded() -> None:
    """Every word like `customer.created` in the source is a kind, the name of a job, or made up
    here: formatted ones count for all that they can become."""
    others = {job.name for job in JOBS} | {job.name for job in PERIODIC_JOBS}
    others |= {
        "otp.callback", "tenant.sql", "customers.csv", "exports.download", *FIELDS,
    }  # fmt: skip
    areas = "|".join(sorted({kind.partition(".")[0] for kind in KINDS}))
    found: set[str] = set()
    recorded: set[str] = set()
    for file in (ROOT / "src" / "crm_saas").rglob("*.py"):
        text = file.read_text()
        if file.parent.name == "audit" and file.name == "kinds.py":
            continue
        found |= set(re.findall(rf'"((?:{areas})\.[a-z_]+)"', text)) - others
        for area in re.findall(r'f"(\w+)\.\{\w+\}"', text):
            found |= {kind for kind in KINDS if kind in FORMATTED.get(area, ())}
        recorded |= set(re.findall(r'record\(\s*\w+(?:\(.*\))?,\s*"([a-z_.]+)"', text))
    assert found == KINDS
    assert recorded <= KINDS


FORMATTED = {
    "address": ("address.verified", "address.rejected"),
    "export": ("export.ready", "export.cancelled", "export.expired", "export.failed"),
    "tenant": ("tenant.active", "tenant.suspended"),
}


def test_the_kind_filter(tenant: TestTenant) -> None:
    api = tenant.client("owner")
    create_stub(api)
    items = api.get("/audit", params={"kind": "customer.created"}).json()["items"]
    assert [event["kind"] for event in items] == ["customer.created"]
    refused = api.get("/audit", params={"kind": "customer.eaten"})
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["kind"]


def test_the_document_lists_the_kinds(tenant: TestTenant) -> None:
    document = tenant.client("owner").get("/openapi.json").json()
    [kind] = [
        p
        for p in document["paths"]["/api/v1/audit"]["get"]["parameters"]
        if p.get("name") == "kind"
    ]
    assert set(re.findall(r"[a-z]+\.[a-z_]+", str(kind["schema"]))) == KINDS
