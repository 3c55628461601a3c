"""Keyset pages of lists that are in the order of their ids: oldest first, since ids are UUIDv7."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar, TypeVarTuple
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from crm_saas.kit.context import Context
from crm_saas.kit.paging import read_cursor, write_cursor

Row = TypeVar("Row")
Columns = TypeVarTuple("Columns")


class Page(NamedTuple, Generic[Row]):
    rows: Sequence[Row]
    next_cursor: str | None


def page_after(
    context: Context,
    query: Select[*Columns],
    name: str,
    by: InstrumentedAttribute[UUID],
    *,
    limit: int,
    cursor: str | None,
) -> Select[*Columns]:
    """One row more than asked for, by which `cut_page` sees that there is another page."""
    if cursor is not None:
        (last,) = read_cursor(context, {"list": name}, cursor, tuple[UUID])
        query = query.where(by > last)
    return query.order_by(by).limit(limit + 1)


def cut_page(
    context: Context, found: Sequence[Row], name: str, limit: int, id_of: Callable[[Row], UUID]
) -> Page[Row]:
    if len(found) <= limit:
        return Page(found, None)
    rows = found[:limit]
    return Page(rows, write_cursor(context, {"list": name}, [id_of(rows[-1])]))
