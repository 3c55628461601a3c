"""Exports that jobs make, as a caller sees them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from crm_saas.exports.tasks import make_export
from crm_saas.kit.db import Database
from crm_saas.tenancy.registry import job_context
from factories.database import rows
from factories.tenants import TestTenant

Json = dict[str, Any]


@dataclass
class Shop:
    tenant: TestTenant
    client: httpx.Client
    run_jobs: Callable[[], None]

    def request(self, file_format: str = "csv", **wanted: object) -> Json:
        answer = self.client.post("/exports", json={"format": file_format, "filter": wanted})
        assert answer.status_code == 202, answer.text
        requested: Json = answer.json()
        assert answer.headers["Location"] == f"/api/v1/exports/{requested['id']}"
        return requested

    def look(self, export: Json) -> Json:
        answer = self.client.get(f"/exports/{export['id']}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def made(self, file_format: str = "csv", **wanted: object) -> Json:
        """A new export whose job has run."""
        requested = self.request(file_format, **wanted)
        self.run_jobs()
        return self.look(requested)

    def download(self, link: str, **headers: str) -> httpx.Response:
        """As a browser would: without a credential."""
        path = link.partition("/api/v1")[2]
        with self.tenant.server.client() as browser:
            return browser.get(path, headers=headers)

    def kinds(self) -> list[str]:
        """What the trail says of exports, in its order."""
        return [
            kind
            for (kind,) in rows(
                self.tenant.server.settings,
                "select kind from org_events where tenant_org_id = %s and kind like 'export.%%'"
                " order by id",
                self.tenant.id,
            )
        ]


def files_of(tenant: TestTenant) -> list[Path]:
    folder = Path(urlsplit(tenant.server.settings.files_url).path)
    return [path for path in folder.glob(f"{tenant.id}/exports/*") if path.is_file()]


async def make_waiting(tenant: TestTenant) -> None:
    """The work of the tenant's jobs."""
    waiting = rows(
        tenant.server.settings,
        "select id from org_exports where tenant_org_id = %s and status = 'waiting' order by id",
        tenant.id,
    )
    database = Database(tenant.server.settings)
    try:
        for (export_id,) in waiting:
            async with job_context(database, tenant.id, "exports.make") as context:
                await make_export(context, export_id)
    finally:
        await database.close()
