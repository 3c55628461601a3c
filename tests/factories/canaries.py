"""A committed row in a tenant's every table, as the doctor plants it."""

import json
from uuid import UUID

import psycopg

from crm_saas.doctor.planting import Planter
from crm_saas.kit.schema import tenant_tables
from crm_saas.kit.settings import Settings


def plant_everywhere(settings: Settings, tenant_id: UUID) -> Planter:
    """Rows that crm_platform made, with the record that the tests ask of every change."""
    with psycopg.connect(settings.url("crm_platform")) as platform:
        planter = Planter(platform, tenant_id)
        if platform.execute("select from sys_tenants_mst where id = %s", [tenant_id]).fetchone():
            planter.rows["sys_tenants_mst"] = {"id": str(tenant_id)}
        for table in tenant_tables(platform):
            if table != "org_events":
                planter.plant(table)
        named = {table: ids for table, ids in planter.ids().items() if table.startswith("org_")}
        planter.plant("org_events", {"rows": json.dumps(named)})
    return planter
