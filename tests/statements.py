"""Collects the SQL that the application's role runs during the tests."""

from typing import Any

from sqlalchemy import Engine, event


class StatementLog:
    def __init__(self) -> None:
        self.statements: set[str] = set()

    def listen(self) -> None:
        event.listen(Engine, "before_cursor_execute", self._note)

    def _note(self, connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if connection.engine.url.username == "crm_app":
            self.statements.add(statement)
