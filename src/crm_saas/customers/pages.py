"""First pages that everybody asks for: their statement is made once, and goes along with the
credential (kit/ahead.py)."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from crm_saas.customers.filters import CustomerQuery
from crm_saas.kit.context import Context
from crm_saas.kit.wire import Statement

STATEMENTS_MAX = 500
# What they mean is the same for every tenant.
_WORDS = frozenset({"status", "profile_status", "lifecycle", "journey_stage", "customer_type"})
_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]
# Who sees a part of the customers needs an index of that part: for them this stops before it walks.
_SEES_ALL = text("current_setting('app.staff_scope', true) = 'all'")

Shape = tuple[Any, ...]


class Page(NamedTuple):
    """Without its tenant: whoever sends it says which."""

    statement: Statement
    values: Mapping[str, Any]


class Pages:
    """Those that were asked for before, the least recently asked dropped first."""

    def __init__(self) -> None:
        self._pages: OrderedDict[Shape, Page] = OrderedDict()

    def known(self, shape: Shape | None) -> Page | None:
        if shape is None or shape not in self._pages:
            return None
        self._pages.move_to_end(shape)
        return self._pages[shape]

    def learn(self, shape: Shape | None, context: Context, query: Select[Any]) -> None:
        """From the query of somebody who sees all customers."""
        if shape is None or shape in self._pages:
            return
        self._pages[shape] = _without_tenant(query.where(_SEES_ALL), context.tenant.id)
        if len(self._pages) > STATEMENTS_MAX:
            self._pages.popitem(last=False)


def shape_of(wanted: CustomerQuery, sort: str, limit: int) -> Shape | None:
    """None for filters whose meaning depends on more than their own words."""
    asked = wanted.asked()
    return (sort, limit, *asked.items()) if asked.keys() <= _WORDS else None


def _without_tenant(query: Select[Any], tenant_id: UUID) -> Page:
    compiled = query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    words, values = str(compiled), dict(compiled.params)
    for name in [name for name, value in values.items() if value == tenant_id]:
        words = words.replace(f"%({name})s", "%(tenant)s")
        del values[name]
    return Page(Statement(words), values)
