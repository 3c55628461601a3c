"""Exports whose time is over: their files go, and in the end their rows."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, and_, cast, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.exports.models import EXPORTS, Export
from crm_saas.exports.queries import UNFINISHED
from crm_saas.exports.service import ROOM, end_export, name_of
from crm_saas.kit.context import Context, renewed
from crm_saas.kit.db import Database
from crm_saas.kit.events import record
from crm_saas.kit.files import Files
from crm_saas.kit.jobs import enqueue_for_tenants
from crm_saas.kit.strays import forget_strays

EXPIRE = "exports.expire"
EXPIRE_AT_ONCE = 100
# Without an end after so long: its job is gone, as after the restore of an archive.
LOST_AFTER = "1 day"
FORGOTTEN_AFTER = "30 days"


async def expire_exports(context: Context) -> None:
    """Files whose time is over go, and what never ended is called failed.

    The store may take its time, so no transaction is open meanwhile. A file that stays when this
    dies in between is a stray, and goes as one.
    """
    async with renewed(context) as ending:
        names = await _end_overdue(ending)
        await _forget_ended(ending)
    for name in names:
        await Files.from_settings(context.settings).delete(name)


async def _end_overdue(context: Context) -> list[str]:
    overdue = await context.session.scalars(
        select(Export)
        .where(Export.tenant_org_id == context.tenant.id, _is_over())
        .order_by(Export.id)
        .limit(EXPIRE_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    names = []
    for export in list(overdue):
        names.append(name_of(context.tenant.id, export.id, export.attempts))
        if export.status == "ready":
            await end_export(context, export, "expired")
        else:
            await end_export(context, export, "failed", failure="It did not end within a day.")
    return names


async def _forget_ended(context: Context) -> None:
    """What was asked for long ago: the trail keeps it, and a list need not."""
    ended = await context.session.scalars(
        select(Export.id)
        .where(Export.tenant_org_id == context.tenant.id, _is_forgotten())
        .order_by(Export.id)
        .limit(EXPIRE_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    if ids := list(ended):
        await context.session.execute(
            delete(Export).where(Export.tenant_org_id == context.tenant.id, Export.id.in_(ids))
        )
        await record(context, "exports.forgotten", subject=(EXPORTS, None), rows={EXPORTS: ids})


async def expire_everywhere(platform: Database) -> None:
    async with platform.transaction(None) as session:
        found = await session.scalars(
            select(Export.tenant_org_id)
            .where(or_(_is_over(), _is_forgotten()))
            .distinct()
            .order_by(Export.tenant_org_id)
        )
        await enqueue_for_tenants(session, list(found), EXPIRE)
    await Files.from_settings(platform.settings).forget_abandoned()


async def forget_files(platform: Database) -> None:
    """Files in this slice's room that belong to no export: of attempts that died, mostly."""
    await forget_strays(platform, (ROOM,), _names_of)


async def _names_of(session: AsyncSession, tenants: Collection[UUID]) -> set[str]:
    rows = await session.execute(
        select(Export.tenant_org_id, Export.id, Export.attempts).where(
            Export.tenant_org_id.in_(tenants), Export.status.in_((*UNFINISHED, "ready"))
        )
    )
    return {name_of(*row) for row in rows}


def _is_over() -> ColumnElement[bool]:
    """By the database's clock: a worker's own may run an hour ahead."""
    return or_(
        and_(Export.status == "ready", Export.expires_at <= func.now()),
        and_(
            Export.status.in_(UNFINISHED),
            Export.created_at < func.now() - cast(LOST_AFTER, Interval),
        ),
    )


def _is_forgotten() -> ColumnElement[bool]:
    return Export.status.in_(("failed", "cancelled", "expired")) & (
        Export.finished_at < func.now() - cast(FORGOTTEN_AFTER, Interval)
    )
