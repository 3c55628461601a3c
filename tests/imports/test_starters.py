"""Who started it and may not any more: the next piece of the work is not done."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from crm_saas import operator
from crm_saas.access.roles import ROLES
from factories.customers import new_phone
from factories.imports import Importing, as_csv, upload
from factories.tenants import TestTenant


def revoke(own: TestTenant) -> None:
    owner = own.client("owner")
    [key] = [k for k in owner.get("/keys").json()["items"] if k["role"] == "manager"]
    assert owner.delete(f"/keys/{key['id']}").status_code == 200


def suspend(own: TestTenant) -> None:
    set_status(own, "suspended")


def set_status(own: TestTenant, status: str) -> None:
    asyncio.run(operator.set_tenant_status(own.server.settings, slug=own.slug, status=status))


@pytest.mark.parametrize("act", [revoke, suspend])
def test_who_may_not_any_more_imports_no_more(
    act: Callable[[TestTenant], None],
    own: TestTenant,
    api: httpx.Client,
    run_jobs: Callable[[], None],
) -> None:
    manager = own.client("manager")
    content = as_csv([["Name", "Phone"], ["Amal", new_phone()]])
    importing = Importing(api, run_jobs, upload(manager, content)["id"])
    assert manager.post(f"/imports/{importing.id}/run", json={}).status_code == 202
    act(own)
    run_jobs()
    set_status(own, "active")
    state = importing.state
    assert state["status"] == "failed"
    why = "The business is" if act is suspend else "The one who started it may not import any more"
    assert state["failure"].startswith(why)
    assert api.get("/customers").json()["items"] == []
    [failed] = api.get("/audit", params={"kind": "import.failed"}).json()["items"]
    assert failed["actorKind"] == "system"
    # Somebody who may goes on.
    assert importing.run()["status"] == "done"
    assert importing.counts == {"created": 1}


@pytest.mark.parametrize("permission", ["customers:import", "customers:assign"])
def test_who_may_not_any_more_assigns_nobody(
    permission: str,
    own: TestTenant,
    api: httpx.Client,
    run_jobs: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manager, member = own.client("manager"), own.member("support")
    content = as_csv([["Name", "Phone", "assignedTo"], ["Amal", new_phone(), str(member.id)]])
    importing = Importing(api, run_jobs, upload(manager, content)["id"])
    assert manager.post(f"/imports/{importing.id}/run", json={}).status_code == 202
    monkeypatch.setitem(ROLES, "manager", ROLES["manager"] - {permission})
    run_jobs()
    assert importing.state["status"] == "failed"
    assert api.get("/customers").json()["items"] == []


def test_who_may_not_any_more_takes_nothing_back(
    own: TestTenant, api: httpx.Client, run_jobs: Callable[[], None]
) -> None:
    manager = own.client("manager")
    content = as_csv([["Name", "Phone"], ["Amal", new_phone()]])
    importing = Importing(api, run_jobs, upload(api, content)["id"])
    importing.run()
    assert manager.post(f"/imports/{importing.id}/revert").status_code == 202
    revoke(own)
    run_jobs()
    assert importing.state["status"] == "failed"
    assert len(api.get("/customers").json()["items"]) == 1
    assert importing.revert()["status"] == "reverted"
