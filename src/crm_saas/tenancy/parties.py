"""Who shares connections and places: a tenant with all its keys and sessions."""

from collections import OrderedDict
from collections.abc import Hashable
from uuid import UUID

from litestar.types import Scope

from crm_saas.tenancy.resolution import Caller

SESSIONS_MAX = 10_000


class Parties:
    """A key names its tenant. Of a session it is remembered from its last request in one process.

    Nothing is allowed by it: what is out of date only queues somebody with the wrong tenant.
    """

    def __init__(self) -> None:
        self._tenants: OrderedDict[tuple[bytes, str | None], UUID] = OrderedDict()

    def of(self, scope: Scope, caller: Caller | None) -> Hashable:
        """A session that is not known yet is a party of its own; so is a route without either."""
        if caller is None:
            return scope["route_handler"].handler_name
        if caller.token.tenant_id is not None:
            return caller.token.tenant_id
        return self._tenants.get((caller.hash, caller.tenant_slug), caller.hash)

    def note(self, caller: Caller, tenant_id: UUID) -> None:
        if caller.token.tenant_id is not None:
            return
        session = (caller.hash, caller.tenant_slug)
        self._tenants[session] = tenant_id
        self._tenants.move_to_end(session)
        if len(self._tenants) > SESSIONS_MAX:
            self._tenants.popitem(last=False)
