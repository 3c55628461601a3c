"""What a route reads first goes to the database together with the credential: one round trip.

A route whose first act is one read takes `ahead: Ahead` in place of a context, and gets the context
from `ahead.read(…)`. Nothing is known of the caller before. What the read found is handed out only
when the caller was let in, had the permission and paid, exactly as in front of any other route.

No transaction is open then. A route that goes on to ask the context's session for more is run again
from its start within an ordinary transaction, and so is one that failed before it had read: its
author sees no difference, and neither does a caller. So whatever comes before must be without
effect. `read` is for statements of one row's cost or a page's: it has no transaction to roll back.
"""

from abc import ABC, abstractmethod
from typing import Any
from uuid import UUID

from crm_saas.kit.context import Context
from crm_saas.kit.errors import Unavailable
from crm_saas.kit.wire import Statement


class ReadAhead(ABC):
    @property
    @abstractmethod
    def tenant_id(self) -> UUID:
        """The tenant that the credential names; statements have it as `%(tenant)s`."""

    @abstractmethod
    async def read(self, statement: Statement, **values: Any) -> tuple[Context, list[Any]]:
        """Who asks, and the rows, as tuples. Raises what authentication raises."""


class ReadInTransaction(ReadAhead):
    """The same where the request has a transaction already."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @property
    def tenant_id(self) -> UUID:
        return self.context.tenant.id

    async def read(self, statement: Statement, **values: Any) -> tuple[Context, list[Any]]:
        return self.context, await self.context.fetch(statement, **values)


class NeedsTransaction(Unavailable):
    """Stops a route that read ahead and now wants a session; the middleware runs it again."""


class NoSession:
    """Stands where the session will be."""

    def __init__(self) -> None:
        self.was_wanted = False

    def __getattr__(self, name: str) -> Any:
        self.was_wanted = True
        raise NeedsTransaction
