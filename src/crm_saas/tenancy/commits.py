"""The end of a request's transaction, and what to say where nobody knows how it ended."""

from litestar.types import Scope
from litestar.utils.scope.state import ScopeState
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.kit.ending import Ending, Late
from crm_saas.kit.errors import Unavailable
from crm_saas.kit.wire import COMMIT, Wire

_UNKNOWN_FATE = (
    "The database went away while it was saving, so it may or may not have been saved. "
    "Send the same request again: with the same Idempotency-Key it has its effect once."
)


async def commit(
    session: AsyncSession, wire: Wire, scope: Scope, ending: Ending | None = None
) -> Late:
    """A connection that breaks while it commits leaves open whether it did.

    Once: a route that let its transaction go has none any more, and its connection may be
    another request's by now.
    """
    if wire.is_over:
        return {}
    try:
        if session.in_transaction():
            await session.flush()
        late = await _end(wire, ending) if ending and ending.last else {}
        if session.in_transaction():
            await session.commit()
        if wire.in_transaction:  # that SQLAlchemy never saw
            await wire.fetch(COMMIT)
    except DBAPIError as error:
        # A stream's answer was about to start; now the refusal may.
        ScopeState.from_scope(scope).response_started = False
        if error.connection_invalidated:
            raise Unavailable(_UNKNOWN_FATE) from error
        raise
    except PendingRollbackError as error:
        # It broke before this: a reader left while the answer of a stream was being committed.
        ScopeState.from_scope(scope).response_started = False
        raise Unavailable(_UNKNOWN_FATE) from error
    await wire.give_back()
    scope["state"]["release"]()
    return late


async def _end(wire: Wire, ending: Ending) -> Late:
    """The last call and the commit, together (kit/ending.py)."""
    made, committed = await wire.send(ending.call(), COMMIT)
    late = ending.read(made.rows())
    committed.rows()
    return late
