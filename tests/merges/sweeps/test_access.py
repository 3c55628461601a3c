"""Who sweeps, and whose customers."""

import httpx

from crm_saas.kit.settings import Settings
from factories.customers import create_stub
from factories.sweeps import RunJobs, forget_changes, read_sweep, start_sweep, suggested
from factories.tenants import TestTenant, make_tenant


def test_only_owners_and_managers_sweep(api: httpx.Client, tenant: TestTenant) -> None:
    sweep = start_sweep(api)
    tenant.member("sales_manager", team="north")
    for role, options in (("sales_manager", {"team": "north"}), ("pos", {}), ("auditor", {})):
        client = tenant.client(role, **options)
        for answer in (
            client.post("/duplicates/sweeps"),
            client.get("/duplicates/sweeps"),
            client.get(f"/duplicates/sweeps/{sweep['id']}"),
            client.post(f"/duplicates/sweeps/{sweep['id']}/cancel"),
        ):
            assert answer.status_code == 403, role


def test_another_tenants_is_like_none_and_another_tenants_customers_are_never_compared(
    api: httpx.Client, tenant: TestTenant, settings: Settings, run_jobs: RunJobs
) -> None:
    name = {"name": "Zuwaina Al Gheilani", "dateOfBirth": "1980-02-03"}
    create_stub(api, **name)
    sweep = start_sweep(api)
    with make_tenant(tenant.server) as stranger:
        theirs = stranger.client()
        create_stub(theirs, **name)
        forget_changes(settings)
        assert theirs.get(f"/duplicates/sweeps/{sweep['id']}").status_code == 404
        assert theirs.post(f"/duplicates/sweeps/{sweep['id']}/cancel").status_code == 404
        assert theirs.get("/duplicates/sweeps").json()["items"] == []
        start_sweep(theirs)
        run_jobs()
        assert suggested(theirs) == []
    assert suggested(api) == []
    assert read_sweep(api, sweep)["customers"] == 1
