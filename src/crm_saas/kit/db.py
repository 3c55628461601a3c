"""The database as one role sees it. Nothing else opens a transaction."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple
from uuid import UUID

import psycopg
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.types import Uuid
from sqlalchemy.util import greenlet_spawn

from crm_saas.kit.lending import bound_loans
from crm_saas.kit.pools import counted_pool
from crm_saas.kit.settings import Role, Settings
from crm_saas.kit.shares import Shares
from crm_saas.kit.telemetry import metrics, tracing
from crm_saas.kit.wire import WIRE, Wire, as_database_error

_STREAM_SECONDS_MAX = 3600

Pool = Literal["requests", "asides", "batches", "streams"]
ASIDES_MAX = BATCHES_MAX = STREAMS_MAX = 4


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
    """The connections of one process as one role.

    Pools apart, so that what holds one connection never queues for a second of the same pool:
    `requests`; `asides`, short transactions beside a request; `batches`, the rows of a till that
    was offline, which must not hold up anybody's one-time code; `streams`, exports that may take
    as long as their reader does. Of the last two, one tenant has half.

    No connection is lent for longer than `loan_seconds_max`, or an hour to a stream.
    """

    def __init__(
        self, settings: Settings, role: Role = "crm_app", *, loan_seconds_max: float = 900
    ) -> None:
        self.settings = settings
        self.role = role
        sizes: dict[Pool, int] = {
            "requests": settings.pool_size,
            "asides": ASIDES_MAX,
            "batches": BATCHES_MAX,
            "streams": STREAMS_MAX,
        }
        self._engines = {pool: _engine(settings, role, pool, size) for pool, size in sizes.items()}
        for pool, engine in self._engines.items():
            seconds_max = _STREAM_SECONDS_MAX if pool == "streams" else loan_seconds_max
            # A request on a connection that died is run again by the middleware; the others ask.
            bound_loans(engine, seconds_max=seconds_max, ping=pool != "requests")
        self._sizes = sizes
        self._shares: dict[Pool, Shares] = {
            "batches": Shares(BATCHES_MAX),
            "streams": Shares(STREAMS_MAX),
        }
        for pool, size in sizes.items():
            metrics.POOL_SIZE.labels(role, pool).inc(size)

    @asynccontextmanager
    async def session(self, pool: Pool = "requests") -> AsyncIterator[AsyncSession]:
        """A session that rolls back unless the caller commits."""
        async with AsyncSession(self._engines[pool], expire_on_commit=False) as session:
            yield session

    async def borrow(self) -> Wire:
        """A connection for a request, to be used as `async with`: what nobody has committed is
        rolled back, and the connection returned. Raises PoolTimeout and DBAPIError."""
        engine = self._engines["requests"].sync_engine
        try:
            lent = await greenlet_spawn(engine.pool.connect)
        except psycopg.Error as error:
            raise as_database_error(None, error) from error
        return Wire(lent, prepares=self.settings.prepare_threshold is not None)

    @asynccontextmanager
    async def session_on(self, wire: Wire) -> AsyncIterator[AsyncSession]:
        """A session in the transaction that the wire has begun."""
        engine = self._engines["requests"]
        connection = AsyncConnection(engine, Connection(engine.sync_engine, wire.lent))
        session = AsyncSession(connection, expire_on_commit=False, info={WIRE: wire})
        try:
            yield session
        finally:
            if session.in_transaction():  # it was used, and nobody has committed
                await wire.roll_back()
                await session.close()

    @asynccontextmanager
    async def transaction(
        self, scope: Scope | None, pool: Pool = "requests"
    ) -> AsyncIterator[AsyncSession]:
        """Commits at the end, rolls back on an exception. No scope, no `org_*` rows."""
        async with (
            self._share_of(scope, pool),
            self.session(pool) as session,
            session.begin(),
        ):
            if scope is not None:
                await set_scope(session, scope)
            yield session

    @asynccontextmanager
    async def _share_of(self, scope: Scope | None, pool: Pool) -> AsyncIterator[None]:
        """Raises PoolTimeout, as the pool itself does."""
        shares = self._shares.get(pool)
        if scope is None or shares is None:
            yield
            return
        with shares.of(scope.tenant_id) as share:
            try:
                async with asyncio.timeout(self.settings.pool_timeout_seconds):
                    await share.places.acquire()
            except TimeoutError as error:
                raise PoolTimeout("this tenant holds its half of the pool") from error
            try:
                yield
            finally:
                share.places.release()

    async def close(self) -> None:
        for engine in self._engines.values():
            await engine.dispose()
        for pool, size in self._sizes.items():
            metrics.POOL_SIZE.labels(self.role, pool).dec(size)


def _engine(settings: Settings, role: Role, pool: Pool, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        make_url(settings.url(role)).set(drivername="postgresql+psycopg"),
        poolclass=counted_pool(role, pool),
        pool_size=pool_size,
        max_overflow=0,
        # A request ends its transaction itself; lending.py refuses what comes back with one.
        pool_reset_on_return=None if pool == "requests" else "rollback",
        pool_timeout=settings.pool_timeout_seconds,
        pool_recycle=1800,
        hide_parameters=True,  # they are personal data, and errors end up in logs
        connect_args={
            "prepare_threshold": settings.prepare_threshold,
            "connect_timeout": 5,
            "application_name": role,
        },
    )
    tracing.watch(engine.sync_engine)
    return engine
