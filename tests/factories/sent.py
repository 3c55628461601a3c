"""What goes to the database, whichever way it goes: by SQLAlchemy's cursors or by the wire."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg.pq.abc import PGresult
from sqlalchemy import Engine, event

from crm_saas.kit.wire import Call, Statement, Wire

Change = Callable[[str], str]


@contextmanager
def statements_changed(change: Change) -> Iterator[None]:
    """`change` is shown each statement, and what it returns is sent."""

    def by_cursor(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> tuple[str, Any]:
        return change(statement), parameters

    exchange = Wire._exchange

    async def by_wire(wire: Wire, calls: Sequence[Call]) -> list[PGresult]:
        changed = [Call(Statement(change(call.statement.text)), call.values) for call in calls]
        return await exchange(wire, changed)

    event.listen(Engine, "before_cursor_execute", by_cursor, retval=True)
    Wire._exchange = by_wire  # type: ignore[method-assign]
    try:
        yield
    finally:
        Wire._exchange = exchange  # type: ignore[method-assign]
        event.remove(Engine, "before_cursor_execute", by_cursor)


@contextmanager
def statements_heard(note: Callable[[str], None]) -> Iterator[None]:
    def unchanged(statement: str) -> str:
        note(statement)
        return statement

    with statements_changed(unchanged):
        yield
