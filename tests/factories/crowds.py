"""Many customers at once, straight into the tables, for tests of what queries cost."""

from uuid import UUID

import psycopg

from crm_saas.kit.settings import Settings

FIELD = UUID("019a9f00-0000-7000-8000-0000000000f1")
MEMBER = UUID("019a9f00-0000-7000-8000-0000000000a1")
TEAM = UUID("019a9f00-0000-7000-8000-0000000000b1")
RARE = 12
_TABLES = (
    "org_teams", "org_members", "org_custom_fields", "org_customers_mst",
    "org_customer_identifiers", "org_custom_values",
)  # fmt: skip

# What `chosen` customers have and the others have not, one of each filter that lists are fast by.
_CROWD = """
    insert into org_customers_mst (
        tenant_org_id, id, customer_number, customer_seq, profile_status, status, merged_into,
        journey_stage, lifecycle, customer_type, name, display_name, company_name, date_of_birth,
        assigned_to, team_id, phone, created_at, updated_at
    )
    select
        %(tenant)s, n.id, 'CUST-' || n.n, n.n,
        case when n.chosen then 'full' else 'stub' end,
        case when n.n %% 11 = 0 then 'merged' when n.chosen then 'inactive' else 'active' end,
        case when n.n %% 11 = 0 then %(survivor)s::uuid end,
        case when n.chosen then 'lead' else 'prospect' end,
        case when n.chosen then 'vip' else 'new' end,
        case when n.chosen then 'business' else 'individual' end,
        case when n.chosen then 'Walk In' else 'N ' || md5(n.n::text) end,
        'X',
        case when n.chosen then 'Acme' end,
        case when n.chosen then date '1990-01-01' end,
        case when n.chosen then %(member)s::uuid end,
        case when n.chosen then %(team)s::uuid end,
        '+968' || 90000000 + n.n,
        timestamptz '2020-01-01 00:00Z' + n.n * interval '1 minute',
        timestamptz '2020-01-01 00:00Z' + n.n * interval '1 minute'
    from (
        select n, n <= %(chosen)s as chosen, overlay(
            md5(%(tenant)s::text || n::text) placing '7' from 13 for 1
        )::uuid as id
        from generate_series(1, %(count)s) as n
        union all
        select 0, false, %(survivor)s::uuid
    ) as n
    order by n.n = 0 desc, n.id -- neighbours in a list lie far apart
"""
_VALUES = """
    insert into org_custom_values (
        tenant_org_id, id, customer_id, field_id, text_value, customer_created_at
    )
    select
        c.tenant_org_id, c.id, c.id, %(field)s,
        case when c.lifecycle = 'vip' then 'gold' else 'other' end, c.created_at
    from org_customers_mst c
    where c.tenant_org_id = %(tenant)s
        and c.status <> 'merged'
"""

_IDENTIFIERS = """
    insert into org_customer_identifiers (tenant_org_id, id, kind, value, customer_id)
    select c.tenant_org_id, c.id, 'phone', c.phone, c.id
    from org_customers_mst c
    where c.tenant_org_id = %(tenant)s
"""


def crowd(
    owner: psycopg.Connection, settings: Settings, tenant_id: UUID, *, count: int, chosen: int
) -> None:
    """The first `chosen` of `count` are alike; each eleventh was merged."""
    numbers = {"tenant": tenant_id, "count": count, "chosen": chosen, "field": FIELD}
    numbers |= {"member": MEMBER, "team": TEAM, "survivor": tenant_id}
    for table in _TABLES:
        owner.execute(f"alter table {table} disable trigger user".encode())
    owner.execute("drop index if exists org_customers_mst_fragments_ix")
    with psycopg.connect(settings.url("crm_platform"), autocommit=True) as platform:
        platform.execute(
            "insert into org_teams (tenant_org_id, id, name) values (%(tenant)s, %(team)s, 'T')",
            numbers,
        )
        platform.execute(
            "insert into org_members (tenant_org_id, id, staff_id, name, email, role, staff_scope)"
            " values (%(tenant)s, %(member)s, %(member)s, 'M', 'm@example.com', 'support', 'own')",
            numbers,
        )
        platform.execute(
            "insert into org_custom_fields"
            " (tenant_org_id, id, key, label, kind, required, filterable)"
            " values (%(tenant)s, %(field)s, 'tier', 'Tier', 'text', false, true)",
            numbers,
        )
        platform.execute(_CROWD, numbers)
        platform.execute(_IDENTIFIERS, numbers)
        platform.execute(_VALUES, numbers)
