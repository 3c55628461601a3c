"""The tenants, each with its counter, a team of one and the keys of an owner and a till."""

import asyncio
from pathlib import Path

import msgspec
import psycopg

from benchmarks.dataset.people import member_id, team_id, tenant_id
from benchmarks.sizes import Size
from crm_saas import operator
from crm_saas.kit.settings import Settings

ROLES = ("owner", "pos")
KEPT_TABLES = frozenset(
    {
        "org_customers_mst",
        "org_customer_identifiers",
        "org_number_counters",
        "org_teams",
        "org_members",
        "org_api_keys",
        "org_api_key_uses",
    }
)
Keys = list[dict[str, str]]


def slug_of(tenant: int) -> str:
    return f"bench-{tenant}"


def make_tenants(connection: psycopg.Connection, size: Size) -> None:
    with connection.transaction():
        for tenant, customers in enumerate(size.of_tenants()):
            make_tenant(connection, tenant, customers)


def make_tenant(connection: psycopg.Connection, tenant: int, customers: int) -> None:
    """As `crm-saas tenants create` makes it, but for its id, which SQL can calculate."""
    values = {
        "tenant": tenant_id(tenant),
        "slug": slug_of(tenant),
        "name": f"Shop {tenant}",
        "member": member_id(tenant),
        "team": team_id(tenant),
        "email": f"clerk@{slug_of(tenant)}.example",
        "customers": customers,
    }
    for statement in _TENANT.split(";"):
        connection.execute(statement.encode(), values)


_TENANT = """
insert into sys_tenants_mst (id, slug, name) values (%(tenant)s, %(slug)s, %(name)s)
on conflict do nothing;
insert into org_number_counters (tenant_org_id, id, series, prefix, width, last_value)
values (%(tenant)s, %(tenant)s, 'customer', 'CUST-', 5, %(customers)s)
on conflict do nothing;
insert into sys_staff_mst (id, email, email_key, name, password_hash)
values (%(member)s, %(email)s, %(email)s, 'Clerk', '-')
on conflict do nothing;
insert into sys_staff_tenants (staff_id, tenant_org_id) values (%(member)s, %(tenant)s)
on conflict do nothing;
insert into org_teams (tenant_org_id, id, name) values (%(tenant)s, %(team)s, 'Desk')
on conflict do nothing;
insert into org_members (tenant_org_id, id, staff_id, name, email, role, staff_scope, team_id)
values (%(tenant)s, %(member)s, %(member)s, 'Clerk', %(email)s, 'pos', 'all', %(team)s)
on conflict do nothing
"""


def ensure_keys(settings: Settings, size: Size, file: Path) -> Keys:
    """One a tenant and role; they lie in a file, since the database has only their hashes."""
    if file.exists():
        return msgspec.json.decode(file.read_bytes(), type=Keys)
    keys = asyncio.run(_make_keys(settings, size))
    file.touch(mode=0o600)
    file.write_bytes(msgspec.json.encode(keys))
    return keys


async def _make_keys(settings: Settings, size: Size) -> Keys:
    return [
        {
            role: (await operator.create_key(settings, tenant=slug, role=role, name="bench")).key
            for role in ROLES
        }
        for slug in map(slug_of, range(size.tenants + 1))
    ]
