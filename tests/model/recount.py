"""The database, counted again by a role that sees every tenant: it holds what the model says."""

from typing import Any

import psycopg

from crm_saas.kit.settings import Settings
from model.world import World

_CUSTOMERS = """
select id::text, customer_number, customer_seq, profile_status, status, name, phone,
    phone_verified_at is not null, email, notes, journey_stage, assigned_to::text, team_id::text,
    merged_into::text
from org_customers_mst where tenant_org_id = %s
"""
_CLAIMS = """
select kind, value, customer_id::text from org_customer_identifiers where tenant_org_id = %s
"""
_ADDRESSES = """
select id::text, customer_id::text, label, is_default
from org_customer_addresses_mst where tenant_org_id = %s
"""
_KEYS = "select id::text, revoked_at is not null from org_api_keys where tenant_org_id = %s"
_MERGES = """
select id::text, source_id::text, target_id::text, undone_at is not null
from org_customer_merge_log where tenant_org_id = %s
"""
_NUMBERS = """
select last_value from org_number_counters where tenant_org_id = %s and series = 'customer'
"""


def recount(settings: Settings, world: World) -> None:
    with psycopg.connect(settings.url("crm_dump"), autocommit=True) as connection:
        for query, modelled in (
            (_CUSTOMERS, _customers(world)),
            (_CLAIMS, {(*claim, holder) for claim, holder in world.claims.items()}),
            (_ADDRESSES, _addresses(world)),
            (_KEYS, {(c.id, c.ended == "revoked") for c in world.credentials if c.kind == "key"}),
            (_MERGES, {(m.id, m.source, m.target, m.undone) for m in world.merges.values()}),
            (_NUMBERS, {(world.last_sequence,)}),
        ):
            held = set(connection.execute(query.encode(), [world.tenant_id]).fetchall())
            assert held == modelled, f"only there {held - modelled}, missing {modelled - held}"
    sequences = sorted(c.sequence for c in world.customers.values())
    assert sequences == list(range(1, world.last_sequence + 1))


def _customers(world: World) -> set[tuple[Any, ...]]:
    return {
        (c.id, c.number, c.sequence, c.profile, c.status, c.name, c.phone, c.verified, c.email,
         c.notes, c.stage, c.member, c.team, c.merged_into)
        for c in world.customers.values()
    }  # fmt: skip


def _addresses(world: World) -> set[tuple[Any, ...]]:
    return {
        (a.id, c.id, a.label, a.is_default)
        for c in world.customers.values()
        for a in c.addresses.values()
    }
