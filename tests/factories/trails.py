"""Trails of a tenant: events as verbs record them, and their sealing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg

from crm_saas import operator
from crm_saas.audit.sealing import seal_events
from crm_saas.audit.verifying import Anchor, Report, Verifier
from crm_saas.kit.context import Context
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.db import Database
from crm_saas.kit.events import record
from crm_saas.kit.settings import Settings
from crm_saas.tenancy.registry import job_context
from factories.database import as_role


def make_trail(settings: Settings, slug: str, *, events: int, hours_ago: int = 0) -> UUID:
    """A tenant with so many more events, the first of them so long ago, a minute apart."""
    made = asyncio.run(operator.create_tenant(settings, slug=slug, name=f"Tenant {slug}"))
    asyncio.run(record_events(settings, slug, events))
    if hours_ago:
        with as_role(settings) as platform:
            platform.execute(
                """
                update org_events e
                set created_at = now() - make_interval(hours => %s, mins => - o.place::integer)
                from (
                    select id, row_number() over (order by created_at, id) as place
                    from org_events
                    where tenant_org_id = %s
                ) as o
                where e.tenant_org_id = %s and e.id = o.id
                """,
                [hours_ago, made.id, made.id],
            )
            platform.execute(
                "update sys_tenants_mst set created_at = now() - make_interval(hours => %s)"
                " where id = %s",
                [hours_ago, made.id],
            )
    return made.id


async def record_events(
    settings: Settings, slug: str, how_many: int, customer_id: UUID | None = None
) -> None:
    async with operator.within(settings, slug) as context:
        await record_some(context, how_many, customer_id)


async def record_some(context: Context, how_many: int, customer_id: UUID | None = None) -> None:
    for number in range(how_many):
        customer = customer_id or uuid4()
        await record(
            context,
            "customer.changed",
            subject=("org_customers_mst", customer),
            customer_id=customer,
            before={"name": f"Amal {number}", "latitude": 23.5 + number},
            after=None if number % 3 == 2 else {"name": f"Amina {number}", "notes": None},
            rows={"org_customer_identifiers": [uuid4()]},
        )


async def seal(settings: Settings, *tenant_ids: UUID) -> None:
    for tenant_id in tenant_ids:
        async with job(settings, tenant_id) as context:
            await seal_events(context)


def verify(
    connection: psycopg.Connection[Any],
    settings: Settings,
    tenant_id: UUID,
    anchors: tuple[Anchor, ...] = (),
) -> Report:
    ring = KeyRing.from_settings(settings)
    return Verifier(connection, ring).verify(tenant_id, "shop", anchors)


@asynccontextmanager
async def job(settings: Settings, tenant_id: UUID) -> AsyncIterator[Context]:
    """The transaction of a job, as the application's role."""
    database = Database(settings)
    try:
        async with job_context(database, tenant_id, "audit.seal") as context:
            yield context
    finally:
        await database.close()


def report(settings: Settings, tenant_id: UUID) -> Any:
    with as_role(settings, "crm_dump") as connection:
        return verify(connection, settings, tenant_id)
