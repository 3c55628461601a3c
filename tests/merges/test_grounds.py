"""Suggestions of an earlier release are found by what they rest on, once a job was there."""

from collections.abc import Callable

import psycopg
import pytest

from crm_saas.merges import grounds
from factories.customers import create_stub
from factories.servers import Server
from factories.tenants import make_tenant


def test_suggestions_without_a_ground_get_theirs(
    fresh_server: Server, run_jobs: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grounds, "FILLED_AT_ONCE", 1)
    with make_tenant(fresh_server) as tenant:
        api = tenant.client()
        for name in ("Mohammed Al Harthy", "Mohamed al-Harthy", "أمل البلوشي", "امل البلوشى"):
            create_stub(api, name=name)
        run_jobs()
        found = api.get("/duplicates", params={"evidence": "name"}).json()["items"]
        assert len(found) == 2
        with psycopg.connect(fresh_server.settings.database_url, autocommit=True) as owner:
            owner.execute("alter table org_customer_duplicates no force row level security")
            owner.execute("alter table org_customer_duplicates disable trigger user")
            owner.execute("update org_customer_duplicates set ground = null")
            owner.execute("alter table org_customer_duplicates enable trigger user")
            owner.execute("alter table org_customer_duplicates force row level security")
        assert api.get("/duplicates", params={"evidence": "name"}).json()["items"] == []

        run_jobs()

        assert api.get("/duplicates", params={"evidence": "name"}).json()["items"] == found
