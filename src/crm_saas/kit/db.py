"""The database as one role sees it. Nothing else opens a transaction."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.types import Uuid

from crm_saas.kit.settings import Role, Settings


class Scope(NamedTuple):
    """What row-level security compares: the tenant, and whose customers a member may see."""

    tenant_id: UUID
    staff_scope: str = "all"
    member_id: UUID | None = None
    team_ids: Sequence[UUID] = ()


_SET_SCOPE = text(
    "select set_request_scope(:tenant, :staff_scope, :member_id, :team_ids)"
).bindparams(bindparam("team_ids", type_=ARRAY(Uuid)))


async def set_scope(session: AsyncSession, scope: Scope) -> None:
    """Sets the session variables for the rest of this transaction, and no longer."""
    await session.execute(
        _SET_SCOPE,
        {
            "tenant": scope.tenant_id,
            "staff_scope": scope.staff_scope,
            "member_id": scope.member_id,
            "team_ids": list(scope.team_ids),
        },
    )


class Database:
    """The connections of one process as one role, with a small pool apart for asides."""

    ASIDE_POOL_SIZE = 4

    def __init__(self, settings: Settings, role: Role = "crm_app") -> None:
        self.settings = settings
        self.role = role
        self._engine = _engine(settings, role, settings.pool_size)
        self._aside_engine = _engine(settings, role, self.ASIDE_POOL_SIZE)

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    @asynccontextmanager
    async def session(self, *, aside: bool = False) -> AsyncIterator[AsyncSession]:
        """A session that rolls back unless the caller commits."""
        engine = self._aside_engine if aside else self._engine
        async with AsyncSession(engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def transaction(
        self, scope: Scope | None, *, aside: bool = False
    ) -> AsyncIterator[AsyncSession]:
        """Commits at the end, rolls back on an exception. Without a scope no `org_*` row is seen."""
        async with self.session(aside=aside) as session, session.begin():
            if scope is not None:
                await set_scope(session, scope)
            yield session

    async def close(self) -> None:
        await self._engine.dispose()
        await self._aside_engine.dispose()


def _engine(settings: Settings, role: Role, pool_size: int) -> AsyncEngine:
    return create_async_engine(
        make_url(settings.url(role)).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_timeout_seconds,
        pool_pre_ping=False,
        pool_recycle=1800,
        connect_args={
            "prepare_threshold": settings.prepare_threshold,
            "connect_timeout": 5,
            "application_name": role,
        },
    )
