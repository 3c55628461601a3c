"""Keyset pages of lists that are in the order of their ids: oldest first, since ids are UUIDv7."""

from collections.abc import Mapping
from typing import TypeVarTuple
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from crm_saas.kit.context import Context
from crm_saas.kit.paging import read_cursor

Columns = TypeVarTuple("Columns")


def page_after(
    context: Context,
    query: Select[*Columns],
    question: Mapping[str, str],
    by: InstrumentedAttribute[UUID],
    *,
    limit: int,
    cursor: str | None,
) -> Select[*Columns]:
    """One row more than asked for, by which `cut_page` sees that there is another page."""
    if cursor is not None:
        (last,) = read_cursor(context, question, cursor, tuple[UUID])
        query = query.where(by > last)
    return query.order_by(by).limit(limit + 1)
