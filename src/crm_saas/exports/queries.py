"""Reads of exports."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Select, func, select, tuple_

from crm_saas.access.standing import find_actor
from crm_saas.customers.filters import CustomerFilter
from crm_saas.exports.errors import ExportExpired, ExportNotFound, ExportNotReady
from crm_saas.exports.links import Link, make_link
from crm_saas.exports.models import Export, Progress
from crm_saas.exports.schemas import ExportRows, ExportView
from crm_saas.kit.context import Actor, Context
from crm_saas.kit.paging import Page, cut_page, read_cursor

UNFINISHED = ("waiting", "running")


class Shown(NamedTuple):
    export: Export
    progress: Progress


async def access_export(context: Context, export_id: UUID, *, lock: bool = False) -> Shown:
    """Raises ExportNotFound, also for what holds more than the caller may see."""
    query = _visible(context).where(Export.id == export_id)
    row = (
        await context.session.execute(query.with_for_update(of=Export) if lock else query)
    ).one_or_none()
    if row is None or not may_see(context, row[0]):
        raise ExportNotFound
    return Shown(*row)


async def access_linked(context: Context, link: Link) -> Export:
    """Raises ExportNotFound, also where the link's holder may not download it any more."""
    shown = (
        await context.session.execute(_visible(context).where(Export.id == link.export_id))
    ).one_or_none()
    if shown is None or context.tenant.status != "active":
        raise ExportNotFound
    export: Export = shown[0]
    if await find_holder(context, export, kind=link.actor_kind, actor_id=link.actor_id) is None:
        raise ExportNotFound
    require_file(export)
    return export


async def find_holder(
    context: Context, export: Export, *, kind: str, actor_id: UUID | None
) -> Actor | None:
    """Who that is now; none where the key was revoked, the member left, or the role or the scope
    is too small for this export."""
    holder = await find_actor(context, kind=kind, actor_id=actor_id)
    if holder is None or not holder.may("customers:export"):
        return None
    return holder if may_see(replace(context, actor=holder), export) else None


async def list_exports(context: Context, *, limit: int, cursor: str | None) -> Page[Shown]:
    """The newest first; of what the caller may see."""
    question = {"list": "exports"}
    query = _visible(context)
    if cursor is not None:
        at, last = read_cursor(context, question, cursor, tuple[datetime, UUID])
        query = query.where(tuple_(Export.created_at, Export.id) < tuple_(at, last))
    if context.actor.staff_scope != "all":
        query = query.where(
            Export.requested_by == context.actor.id,
            Export.staff_scope == context.actor.staff_scope,
            Export.team_ids.contained_by(context.actor.team_ids),
        )
    rows = await context.session.execute(
        query.where(Export.permissions.contained_by(sorted(context.actor.permissions)))
        .order_by(Export.created_at.desc(), Export.id.desc())
        .limit(limit + 1)
    )
    return cut_page(
        context,
        question,
        (Shown(*row) for row in rows),
        limit,
        lambda shown: [shown.export.created_at, shown.export.id],
    )


def may_see(context: Context, export: Export) -> bool:
    """Whoever sees fewer customers, or less of them, gets no file of somebody who sees more."""
    actor = context.actor
    if actor.staff_scope != "all" and (
        export.requested_by != actor.id
        or export.staff_scope != actor.staff_scope
        or not set(actor.team_ids).issuperset(export.team_ids)
    ):
        return False
    return actor.permissions.issuperset(export.permissions)


async def count_unfinished(context: Context) -> int:
    counted = await context.session.scalar(
        select(func.count()).where(
            Export.tenant_org_id == context.tenant.id, Export.status.in_(UNFINISHED)
        )
    )
    return counted or 0


def require_file(export: Export) -> None:
    """Raises ExportExpired, and ExportNotReady where there is none yet, or never."""
    if export.status == "expired":
        raise ExportExpired("The export has expired. Ask for a new one.")
    if export.status != "ready":
        raise ExportNotReady(f"The export is {export.status}.")


def filter_of(export: Export) -> CustomerFilter:
    return msgspec.convert(export.filter, CustomerFilter)


def view_export(context: Context, shown: Shown) -> ExportView:
    export, progress = shown
    link = make_link(context, export.id) if export.status == "ready" else None
    return ExportView(
        id=export.id,
        format=export.format,  # type: ignore[arg-type]
        filter=filter_of(export),
        status=export.status,  # type: ignore[arg-type]
        rows=ExportRows(done=progress.rows_done, estimated=progress.rows_estimated),
        file_bytes=export.file_bytes,
        failure=export.failure,
        link=link and link[0],
        link_expires_at=link and link[1],
        requested_by=export.requested_by,
        requested_by_name=export.requested_by_name,
        created_at=export.created_at,
        finished_at=export.finished_at,
        expires_at=export.expires_at,
    )


def _visible(context: Context) -> Select[Export, Progress]:
    return (
        select(Export, Progress)
        .join(
            Progress,
            (Progress.tenant_org_id == Export.tenant_org_id) & (Progress.id == Export.id),
        )
        .where(
            Export.tenant_org_id == context.tenant.id,
            Progress.tenant_org_id == context.tenant.id,
        )
    )
