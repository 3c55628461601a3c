"""Many customers at once, past the API."""

from uuid import UUID

import psycopg

from crm_saas.doctor.planting import Planter
from crm_saas.kit.settings import Settings

_FILL = """
    insert into org_customers_mst (
        tenant_org_id, id, customer_number, customer_seq, profile_status, name, display_name,
        notes, preferences
    )
    select %(tenant)s, gen_random_uuid(), 'CUST-' || lpad(g::text, 5, '0'), g, 'stub', 'Amal',
        'Amal', repeat('n', %(notes)s), jsonb_build_object('p', repeat('p', %(preferences)s))
    from generate_series(1, %(count)s) as g
"""


def fill(
    settings: Settings, tenant_id: UUID, count: int, *, notes: int = 0, preferences: int = 0
) -> None:
    """For a tenant that has none yet. Recorded as the import of an archive is."""
    with psycopg.connect(settings.url("crm_platform")) as platform:
        platform.execute(
            _FILL,
            {
                "tenant": tenant_id,
                "count": count,
                "notes": notes,
                "preferences": preferences,
            },
        )
        planter = Planter(platform, tenant_id)
        planter.plant("org_events", {"kind": "tenant.imported", "subject_id": str(tenant_id)})
