"""Who sees some customers imports into those alone, and learns nothing of the others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from crm_saas.access.roles import STAFF_SCOPES
from factories.customers import create_stub, new_phone
from factories.imports import Importing, as_csv, upload
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant

HEADER = ["Name", "Phone", "E-mail"]


@dataclass
class Scoped:
    """A key that may import, and sees one of two customers."""

    narrow: httpx.Client
    mine: dict[str, Any]
    theirs: dict[str, Any]
    whose: dict[str, Any]


@pytest.fixture(params=["team", "own"])
def scoped(
    request: pytest.FixtureRequest,
    own: TestTenant,
    api: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
) -> Scoped:
    member, other = own.member("manager", team="North"), own.member("manager", team="South")
    holder = {"team": "North"} if request.param == "team" else {"member": member.email}
    # No role of ours that imports is so narrow; what a key sees is written at its making, though.
    monkeypatch.setitem(STAFF_SCOPES, "manager", request.param)
    narrow = own.client("manager", **holder)
    whose, theirs = (
        {"teamId": str(one.team_id)} if request.param == "team" else {"assignedTo": str(one.id)}
        for one in (member, other)
    )
    return Scoped(
        narrow,
        create_stub(api, name="Salma", **whose),
        create_stub(api, name="Hidden", email="hidden@example.com", **theirs),
        whose,
    )


def told(importing: Importing) -> str:
    """All that the one who imports is told."""
    texts = [str(importing.rows()), str(importing.state)]
    if importing.state["hasResult"]:
        texts.append(str(importing.result()))
    return " ".join(texts)


@pytest.mark.parametrize("how", ["dry_run", "run"])
def test_others_are_neither_changed_nor_named(
    how: str, scoped: Scoped, api: httpx.Client, run_jobs: Callable[[], None]
) -> None:
    mine, theirs = scoped.mine, scoped.theirs
    before = api.get(f"/customers/{theirs['id']}").json()
    content = as_csv([
        HEADER,
        ["Salma Changed", mine["phone"], ""],
        ["Hidden Changed", theirs["phone"], ""],
        ["New", new_phone(), theirs["email"]],
        ["Fresh", new_phone(), ""],
    ])  # fmt: skip
    importing = Importing(scoped.narrow, run_jobs, upload(scoped.narrow, content)["id"])
    getattr(importing, how)(upsertBy="phone")
    reasons = {row["rowNumber"]: row["problems"][0] for row in importing.rows("refused")}
    assert {number: problem["message"] for number, problem in reasons.items()} == {
        3: "belongs to a customer outside your scope; ask a manager",
        4: "a customer outside your scope has this e-mail",
    }
    for secret in (theirs["id"], theirs["customerNumber"], "Hidden,", theirs["displayName"] + "'"):
        assert secret not in told(importing)
    assert api.get(f"/customers/{theirs['id']}").json() == before
    if how == "run":
        assert importing.counts == {"created": 1, "updated": 1, "refused": 2}
        assert api.get(f"/customers/{mine['id']}").json()["name"] == "Salma Changed"
        made = scoped.narrow.get(f"/customers/{importing.rows('created')[0]['customerId']}").json()
        assert scoped.whose.items() <= made.items()


def test_nothing_of_others_is_taken_back(
    scoped: Scoped, api: httpx.Client, run_jobs: Callable[[], None]
) -> None:
    content = as_csv([HEADER, *([f"{who} x", it["phone"], ""] for who, it in (
        ("Mine", scoped.mine), ("Theirs", scoped.theirs)))])  # fmt: skip
    Importing(api, run_jobs, done := upload(api, content)["id"]).run(upsertBy="phone")
    importing = Importing(scoped.narrow, run_jobs, done)
    importing.revert()
    assert importing.counts == {"reverted": 1, "kept": 1}
    assert importing.rows("kept")[0]["problems"][0]["message"].endswith("outside your scope")
    assert api.get(f"/customers/{scoped.theirs['id']}").json()["name"] == "Theirs x"
    assert api.get(f"/customers/{scoped.mine['id']}").json()["name"] == "Salma"


@pytest.fixture
def stranger(import_server: Server) -> Iterator[httpx.Client]:
    with make_tenant(import_server) as made:
        yield made.client("owner")


def test_another_tenant_has_no_import_of_ours(
    api: httpx.Client, stranger: httpx.Client, run_jobs: Callable[[], None]
) -> None:
    there = create_stub(stranger, name="Untouched", email="same@example.com", externalId="X-1")
    content = as_csv([
        [*HEADER, "External id"], ["Amal", there["phone"], "same@example.com", "X-1"]
    ])  # fmt: skip
    importing = Importing(api, run_jobs, upload(api, content)["id"])
    importing.run()
    assert importing.counts == {"created": 1}
    assert stranger.get(f"/customers/{there['id']}").json() == there
    path = f"/imports/{importing.id}"
    answers = [stranger.get(f"{path}{part}") for part in ("", "/rows", "/result")]
    answers += [stranger.post(f"{path}/{verb}") for verb in ("cancel", "revert")]
    answers += [stranger.post(f"{path}/{verb}", json={}) for verb in ("run", "dry-run")]
    assert {answer.status_code for answer in answers} == {404}
    assert stranger.get("/imports").json()["items"] == []
