"""Who asks, for which tenant, in which transaction: the first argument of every verb and read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.kit.db import Database, Pool, Scope
from crm_saas.kit.ending import Ending
from crm_saas.kit.errors import Forbidden
from crm_saas.kit.settings import Settings
from crm_saas.kit.wire import WIRE, Statement, borrowed_wire

ANY_CREDENTIAL = "any-credential"


class Tenant(msgspec.Struct, frozen=True):
    """What a request needs to know of its tenant; read with the credential, in one call."""

    id: UUID
    slug: str
    name: str
    name2: str | None
    status: str
    default_region: str
    default_locale: str
    currency: str
    time_zone: str
    policies: dict[str, Any]

    def policy(self, name: str, default: Any) -> Any:
        return self.policies.get(name, default)


@dataclass(frozen=True, kw_only=True)
class Actor:
    """The credential's holder. `member_id` is the staff member that it acts for, if any."""

    kind: Literal["key", "staff", "system"]
    id: UUID | None
    name: str
    role: str
    permissions: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    """What the role has and the scopes of this key leave out."""
    staff_scope: Literal["all", "team", "own"] = "all"
    member_id: UUID | None = None
    team_ids: tuple[UUID, ...] = ()
    session_id: UUID | None = None

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raises Forbidden: the one place where a permission is checked."""
        if permission != ANY_CREDENTIAL and not self.may(permission):
            reason = (
                f"This key's scopes leave out `{permission}`"
                if permission in self.left_out
                else f"The role `{self.role}` lacks the permission `{permission}`"
            )
            raise Forbidden(
                f"{reason}. Ask an owner for a credential that has it.", permission=permission
            )


async def _charge_nobody(units: int) -> None:
    """What is no request has no budget of requests."""


@dataclass(frozen=True, kw_only=True)
class Context:
    session: AsyncSession
    tenant: Tenant
    actor: Actor
    database: Database
    settings: Settings
    request_id: str
    address: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    ending: Ending | None = None
    """How a request's transaction ends; None in others, whose opener commits them."""
    charge: Callable[[int], Awaitable[None]] = _charge_nobody
    """Counts so many requests more, for one that does the work of many. Raises TooManyRequests."""
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    """What a stream has open. Closed when the answer is over, however that ends: nothing else
    closes a generator whose reader has left, but the garbage collector in its own time."""

    @property
    def scope(self) -> Scope:
        return scope_of(self.tenant.id, self.actor)

    async def fetch(self, statement: Statement, **values: Any) -> list[Any]:
        """The statement's rows as tuples, without SQLAlchemy, in the request's transaction.

        `%(tenant)s` is filled in. What the session has not flushed yet is not seen.
        """
        wire = self.session.info.get(WIRE) or await borrowed_wire(self.session)
        return await wire.fetch(statement.with_values(tenant=self.tenant.id, **values))

    @asynccontextmanager
    async def aside(self, pool: Pool = "asides") -> AsyncIterator[AsyncSession]:
        """A transaction of its own, for what must survive a refusal of this request.

        Runs before the request's first write, or touches nothing that the request has written, so
        that it can never wait for a lock which the request holds itself. Its connections are a pool
        apart, so that requests which hold one connection never queue for a second.
        """
        async with self.database.transaction(self.scope, pool) as session:
            yield session


@asynccontextmanager
async def renewed(context: Context) -> AsyncIterator[Context]:
    """The context in another transaction, for work that is longer than one may be."""
    async with context.database.transaction(context.scope) as session:
        yield replace(context, session=session)


def scope_of(tenant_id: UUID, actor: Actor) -> Scope:
    return Scope(tenant_id, actor.staff_scope, actor.member_id, actor.team_ids)
