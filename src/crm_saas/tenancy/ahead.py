"""Reading with the credential, in one round trip (kit/ahead.py)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.kit.ahead import NoSession, ReadAhead
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.errors import Problem
from crm_saas.kit.wire import Call, Statement

Admit = Callable[[Sequence[Any], AsyncSession], Awaitable[Context]]


class CredentialAhead(ReadAhead):
    """One request's. `decided` once the answer that comes of it stands: its caller was refused, or
    its read succeeded. Whoever wants more of the database has to look at `no_session` too."""

    def __init__(self, database: Database, tenant_id: UUID, credential: Call, admit: Admit) -> None:
        self._tenant_id = tenant_id
        self._database = database
        self._credential = credential
        self._admit = admit
        self._is_decided = False
        self._no_session = NoSession()

    @property
    def tenant_id(self) -> UUID:
        return self._tenant_id

    @property
    def decided(self) -> bool:
        return self._is_decided and not self._no_session.was_wanted

    async def read(self, statement: Statement, **values: Any) -> tuple[Context, list[Any]]:
        wanted = statement.with_values(tenant=self._tenant_id, **values)
        async with await self._database.borrow() as wire:
            authenticated, found = await wire.send(self._credential, wanted)
        context = await self._let_in(authenticated.rows())
        rows = found.rows()
        self._is_decided = True
        return context, rows

    async def _let_in(self, holder: Sequence[Any]) -> Context:
        try:
            return await self._admit(holder, cast(AsyncSession, self._no_session))
        except Problem:
            self._is_decided = True
            raise
