"""Reads of imports. Another tenant's is one that nobody has."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select

from crm_saas.imports.errors import ImportNotFound
from crm_saas.imports.models import Import, ImportRow
from crm_saas.imports.schemas import Outcome
from crm_saas.kit.context import Context
from crm_saas.kit.paging import Page, cut_page, read_cursor


async def access_import(context: Context, import_id: UUID, *, lock: bool = False) -> Import:
    """Raises ImportNotFound."""
    query = select(Import).where(Import.tenant_org_id == context.tenant.id, Import.id == import_id)
    if lock:
        query = query.with_for_update()
    row = await context.session.scalar(query)
    if row is None:
        raise ImportNotFound("You have no import with this id. GET /api/v1/imports lists them.")
    return row


class KeptFiles(NamedTuple):
    files: int
    size_bytes: int


async def count_kept(context: Context) -> KeptFiles:
    """The files of the tenant's imports that have not expired."""
    found = await context.session.execute(
        select(func.count(), func.coalesce(func.sum(Import.size_bytes), 0)).where(
            Import.tenant_org_id == context.tenant.id, Import.has_file
        )
    )
    files, size_bytes = found.one()
    return KeptFiles(files, int(size_bytes))


async def list_imports(context: Context, *, limit: int, cursor: str | None) -> Page[Import]:
    """The newest first."""
    question = {"list": "imports"}
    query = select(Import).where(Import.tenant_org_id == context.tenant.id)
    if cursor is not None:
        place = read_cursor(context, question, cursor, tuple[UUID])
        query = query.where(Import.id < place[0])
    rows = await context.session.scalars(query.order_by(Import.id.desc()).limit(limit + 1))
    return cut_page(context, question, rows, limit, lambda row: [row.id])


async def list_rows(
    context: Context,
    import_id: UUID,
    *,
    outcome: Outcome | None,
    limit: int,
    cursor: str | None,
) -> Page[ImportRow]:
    """In the order of the file. Raises ImportNotFound."""
    await access_import(context, import_id)
    question = {"list": "import rows", "import": import_id, "outcome": outcome}
    query = select(ImportRow).where(
        ImportRow.tenant_org_id == context.tenant.id, ImportRow.import_id == import_id
    )
    if outcome is not None:
        query = query.where(ImportRow.outcome == outcome)
    if cursor is not None:
        query = query.where(
            ImportRow.row_number > read_cursor(context, question, cursor, tuple[int])[0]
        )
    rows = await context.session.scalars(query.order_by(ImportRow.row_number).limit(limit + 1))
    return cut_page(context, question, rows, limit, lambda row: [row.row_number])
