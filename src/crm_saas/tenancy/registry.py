"""The operator's verbs on tenants (SPEC 1.1), run as `crm_platform`."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.kit.context import Actor, Context, Tenant, scope_of
from crm_saas.kit.db import Database, set_scope
from crm_saas.kit.errors import Conflict, InvalidInput, NotFound
from crm_saas.kit.events import record
from crm_saas.kit.ids import new_id
from crm_saas.kit.jobs import JobRefused
from crm_saas.tenancy.models import NumberCounter, TenantRow
from crm_saas.tenancy.policies import check_number_format, check_policies

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
OPERATOR = Actor(kind="system", id=None, name="operator", role="operator")


class SlugTaken(Conflict):
    type, title = "slug-taken", "Another tenant has this slug"


@asynccontextmanager
async def operator_context(
    platform: Database, row: TenantRow | None = None, *, slug: str | None = None
) -> AsyncIterator[Context]:
    """A transaction of the operator within one tenant. Raises NotFound for an unknown slug."""
    async with platform.transaction(None) as session:
        if row is None:
            row = await _tenant_by_slug(session, slug or "")
        yield await _context(session, platform, row)


async def context_within(
    session: AsyncSession, platform: Database, *, slug: str, lock: bool = False
) -> Context:
    """The operator's context in a transaction that is open already. Raises NotFound."""
    return await _context(session, platform, await _tenant_by_slug(session, slug, lock=lock))


async def create_tenant(
    platform: Database,
    *,
    slug: str,
    name: str,
    name2: str | None = None,
    region: str = "OM",
    locale: str = "en",
    currency: str = "OMR",
    time_zone: str = "Asia/Muscat",
    number_prefix: str = "CUST-",
    number_width: int = 5,
) -> TenantRow:
    """A tenant with its number counters. Raises InvalidInput and SlugTaken."""
    check_number_format(number_prefix, number_width)
    if not SLUG.fullmatch(slug):
        raise InvalidInput.of(
            "slug", "must be 1 to 63 lower-case letters, digits and hyphens, as in a host name"
        )
    row = TenantRow(
        id=new_id(),
        slug=slug,
        name=name,
        name2=name2,
        default_region=region,
        default_locale=locale,
        currency=currency,
        time_zone=time_zone,
        branding={},
        policies={},
        status="active",
    )
    try:
        async with platform.transaction(None) as session:
            session.add(row)
            await session.flush()
            context = await _context(session, platform, row)
            counter = NumberCounter(
                tenant_org_id=row.id,
                id=new_id(),
                series="customer",
                prefix=number_prefix,
                width=number_width,
                last_value=0,
            )
            session.add(counter)
            await record(
                context,
                "tenant.created",
                subject=("sys_tenants_mst", row.id),
                after={"slug": slug, "name": name},
                rows={"org_number_counters": [counter.id]},
            )
    except IntegrityError as error:
        raise SlugTaken(f"A tenant with the slug `{slug}` exists. Choose another.") from error
    return row


async def set_tenant_status(platform: Database, *, slug: str, status: str) -> TenantRow:
    async with platform.transaction(None) as session:
        row = await _tenant_by_slug(session, slug, lock=True)
        before, row.status = row.status, status
        context = await _context(session, platform, row)
        await record(
            context,
            f"tenant.{status}",
            subject=("sys_tenants_mst", row.id),
            before={"status": before},
            after={"status": status},
        )
    return row


async def list_tenants(platform: Database) -> list[TenantRow]:
    async with platform.transaction(None) as session:
        return list(await session.scalars(select(TenantRow).order_by(TenantRow.slug)))


async def tenant_ids(session: AsyncSession) -> list[UUID]:
    """Suspended ones too: what is tidied up does not wait for them. None that is being deleted."""
    rows = await session.scalars(
        select(TenantRow.id).where(TenantRow.status != "closing").order_by(TenantRow.id)
    )
    return list(rows)


async def active_tenant_ids(session: AsyncSession) -> list[UUID]:
    """For periodic jobs, which enqueue one job a tenant."""
    rows = await session.scalars(
        select(TenantRow.id).where(TenantRow.status == "active").order_by(TenantRow.id)
    )
    return list(rows)


async def configure_tenant(
    platform: Database,
    *,
    slug: str,
    policies: dict[str, Any],
    number_prefix: str | None = None,
    number_width: int | None = None,
) -> TenantRow:
    """Changes what is given; a policy of None goes back to the default.

    A number format holds for new numbers only: the counter goes on where it is.
    Raises InvalidInput.
    """
    check_policies(policies)
    check_number_format(number_prefix, number_width)
    async with platform.transaction(None) as session:
        row = await _tenant_by_slug(session, slug, lock=True)
        context = await _context(session, platform, row)
        before = dict(row.policies)
        row.policies = {k: v for k, v in (before | policies).items() if v is not None}
        counter = (
            await session.scalars(
                select(NumberCounter)
                .where(NumberCounter.tenant_org_id == row.id, NumberCounter.series == "customer")
                .with_for_update()
            )
        ).one()
        counter.prefix = counter.prefix if number_prefix is None else number_prefix
        counter.width = counter.width if number_width is None else number_width
        await record(
            context,
            "tenant.configured",
            subject=("sys_tenants_mst", row.id),
            before={"policies": before},
            after={
                "policies": row.policies,
                "numberPrefix": counter.prefix,
                "numberWidth": counter.width,
            },
            rows={"org_number_counters": [counter.id]},
        )
    return row


async def _tenant_by_slug(session: AsyncSession, slug: str, *, lock: bool = False) -> TenantRow:
    query = select(TenantRow).where(TenantRow.slug == slug)
    row = await session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(f"There is no tenant `{slug}`. `crm-saas tenants list` names them.")
    return row


async def _context(session: AsyncSession, platform: Database, row: TenantRow) -> Context:
    tenant = tenant_of(row)
    await set_scope(session, scope_of(tenant.id, OPERATOR))
    return Context(
        session=session,
        tenant=tenant,
        actor=OPERATOR,
        database=platform,
        settings=platform.settings,
        request_id=f"cli-{new_id()}",
    )


def tenant_of(row: TenantRow) -> Tenant:
    return Tenant(**{name: getattr(row, name) for name in Tenant.__struct_fields__})


@asynccontextmanager
async def job_context(database: Database, tenant_id: UUID, job: str) -> AsyncIterator[Context]:
    """The transaction of one job: the tenant is set first, then its settings are read."""
    actor = Actor(kind="system", id=None, name=job, role="system")
    async with database.transaction(scope_of(tenant_id, actor)) as session:
        found = await session.scalar(text("select tenant_settings(:tenant)"), {"tenant": tenant_id})
        if found is None:
            raise JobRefused("the tenant of this job is gone")
        tenant = msgspec.convert(found, Tenant)
        if tenant.status == "closing":
            raise JobRefused("the tenant of this job is being deleted")
        yield Context(
            session=session,
            tenant=tenant,
            actor=actor,
            database=database,
            settings=database.settings,
            request_id=f"job-{new_id()}",
        )
