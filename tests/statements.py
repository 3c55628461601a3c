"""Collects the SQL that the application's role runs during the tests."""

from typing import Any

import psycopg
from sqlalchemy import Engine, event

from crm_saas.kit.wire import Wire


class StatementLog:
    def __init__(self) -> None:
        self.statements: set[str] = set()

    def listen(self) -> None:
        event.listen(Engine, "before_cursor_execute", self._note)
        self._listen_to_copy()
        self._listen_to_the_wire()

    def _note(self, connection: Any, _: Any, statement: str, *__: Any) -> None:
        if connection.engine.url.username == "crm_app":
            self.statements.add(statement)

    def _listen_to_copy(self) -> None:
        """COPY runs on the driver's cursor, where SQLAlchemy sees nothing."""
        copy = psycopg.AsyncCursor.copy

        def noted_copy(cursor: Any, statement: Any, *arguments: Any, **options: Any) -> Any:
            if cursor.connection.info.user == "crm_app":
                self.statements.add(
                    statement.decode() if isinstance(statement, bytes) else str(statement)
                )
            return copy(cursor, statement, *arguments, **options)

        psycopg.AsyncCursor.copy = noted_copy  # type: ignore[method-assign]

    def _listen_to_the_wire(self) -> None:
        """As it was meant: what a test makes of it on the way is not the application's."""
        send = Wire.send

        def noted_send(wire: Wire, *calls: Any) -> Any:
            if wire.driver.info.user == "crm_app":
                self.statements.update(call.statement.text for call in calls)
            return send(wire, *calls)

        Wire.send = noted_send  # type: ignore[method-assign]
