"""A committed row in a tenant's every table, as the doctor plants it."""

import json
from collections.abc import Mapping
from uuid import UUID

import psycopg

from crm_saas.doctor.planting import Planter
from crm_saas.kit.schema import tenant_tables
from crm_saas.kit.settings import Settings

# What the application could not read back.
READABLE: dict[str, Mapping[str, str]] = {"org_customer_duplicates": {"evidence": "[]"}}


def plant_everywhere(settings: Settings, tenant_id: UUID) -> Planter:
    """A row in every table where the tenant has none yet."""
    with psycopg.connect(settings.url("crm_platform")) as platform:
        empty = [
            table
            for table in tenant_tables(platform)
            if not platform.execute(
                f"select 1 from {table} where tenant_org_id = %s limit 1".encode(), [tenant_id]
            ).fetchone()
        ]
    return plant(settings, tenant_id, empty)


def plant(settings: Settings, tenant_id: UUID, tables: list[str]) -> Planter:
    """Rows that crm_platform made, with the record that the tests ask of every change."""
    with psycopg.connect(settings.url("crm_platform")) as platform:
        planter = Planter(platform, tenant_id)
        if platform.execute("select 1 from sys_tenants_mst where id = %s", [tenant_id]).fetchone():
            planter.rows["sys_tenants_mst"] = {"id": str(tenant_id)}
        for table in tables:
            if table != "org_events":
                planter.plant(table, READABLE.get(table))
        named = {table: ids for table, ids in planter.ids().items() if table.startswith("org_")}
        planter.plant("org_events", {"rows": json.dumps(named)})
    return planter
