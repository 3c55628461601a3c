"""Collects the SQL that the application's role runs during the tests."""

from typing import Any

import psycopg
from sqlalchemy import Engine, event


class StatementLog:
    def __init__(self) -> None:
        self.statements: set[str] = set()

    def listen(self) -> None:
        event.listen(Engine, "before_cursor_execute", self._note)
        self._listen_to_copy()

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
