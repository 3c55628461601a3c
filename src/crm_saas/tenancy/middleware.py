"""One request, one transaction: opened, authenticated and committed here and nowhere else.

The answer is held back until the commit has succeeded, so that nobody is told of something that
was not saved; status 400 and above rolls back. What is held can also be stored under the
request's Idempotency-Key within the same transaction, and a request that lost a deadlock can be
run again before anybody saw an answer. See docs/decisions/one-transaction-a-request.md.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any, cast

from litestar.enums import ScopeType
from litestar.routes import HTTPRoute
from litestar.types import (
    ASGIApp,
    HTTPScope,
    Receive,
    Scope,
    Send,
)
from litestar.utils.scope.state import ScopeState
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.contextvars import bind_contextvars

from crm_saas.kit.admission import Admission
from crm_saas.kit.ahead import ReadInTransaction
from crm_saas.kit.bodies import BodiesInHand, check_body, read_headers, replay
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.ending import Ending, LostRace
from crm_saas.kit.errors import MethodNotAllowed
from crm_saas.kit.lane import call, lane_of
from crm_saas.kit.problems import RETRYABLE
from crm_saas.kit.queries import check_query
from crm_saas.tenancy.ahead import CredentialAhead
from crm_saas.tenancy.answers import Answer
from crm_saas.tenancy.commits import commit
from crm_saas.tenancy.limits import RequestLimits
from crm_saas.tenancy.parties import Parties
from crm_saas.tenancy.repeats import begin, key_of, repeatable
from crm_saas.tenancy.resolution import (
    Caller,
    PermissionsOf,
    RolesWith,
    authenticating_for,
    ending_of,
    read_caller,
    resolve,
)

ATTEMPTS_MAX = 3
# A connection that had died is found out at once; after a longer silence the caller decides.
STALE_SECONDS_MAX = 5


class RequestTransaction:
    """Resolves the tenant from the credential and sets the Postgres session variable.

    A middleware by its call alone: Litestar's base class asks of every request whether to pass it
    by, and here none is.
    """

    def __init__(
        self,
        database: Database,
        permissions_of: PermissionsOf,
        roles_with: RolesWith,
        *,
        note_use: Callable[[Context], None],
    ) -> None:
        self._database = database
        self._permissions_of = permissions_of
        self._roles_with = roles_with
        self._note_use = note_use
        self._limits = RequestLimits(database)
        self._admission = Admission(database.settings)
        self._parties = Parties()
        self._bodies = BodiesInHand()

    def __call__(self, app: ASGIApp) -> ASGIApp:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == ScopeType.HTTP:
                await self.handle(scope, receive, send, app)
            else:
                await app(scope, receive, send)

        return middleware

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        options = scope["route_handler"].opt
        if cast(HTTPScope, scope)["method"] == "OPTIONS":  # Litestar's own handler, for every path
            raise MethodNotAllowed(_methods_of(scope))
        headers = read_headers(scope)
        state = scope["state"]
        settings = self._database.settings
        caller: Caller | None = None
        if not options.get("public"):
            caller = read_caller(
                headers, settings, request_id=state["request_id"], address=state["address"]
            )
        if caller is not None:
            await self._limits.refuse_exhausted(caller, state)
        if not options.get("unlimited"):
            with self._admission.counted():
                await self._limits.admit(state)
        # Outside of what is counted: slow bodies hold nothing but themselves.
        reading: AbstractAsyncContextManager[bytes] = nullcontext(b"")
        if options.get("streams_body"):  # read by the handler, once its transaction is over
            state["upload"] = receive
        else:
            reading = self._bodies.read(receive, headers, settings.body_bytes_max)
        async with reading as body:
            state["data"] = check_body(body, headers, scope)
            check_query(scope)
            state["body"] = body
            await self._serve(scope, receive, send, caller, next_app)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, caller: Caller | None, next_app: ASGIApp
    ) -> None:
        state = scope["state"]
        body: bytes = state["body"]
        if scope["route_handler"].opt.get("unlimited"):
            await next_app(scope, replay(body, receive), send)
            return
        async with self._admission.connection(self._parties.of(scope, caller)) as release:
            state["release"] = release
            if caller is None:
                await next_app(scope, replay(body, receive), send)
            else:
                await self._attempts(scope, receive, send, caller, next_app)

    async def _attempts(
        self, scope: Scope, receive: Receive, send: Send, caller: Caller, next_app: ASGIApp
    ) -> None:
        state = scope["state"]
        if _may_read_ahead(scope, caller) and await self._read_ahead(
            scope, receive, send, caller, next_app
        ):
            return
        try_again_until = time.monotonic() + STALE_SECONDS_MAX
        for attempt in range(1, ATTEMPTS_MAX + 1):
            answer = _begin_answer(scope, send)
            try:
                await self._attempt(scope, receive, caller, answer, next_app)
            except LostRace:
                if attempt < ATTEMPTS_MAX:
                    continue
                raise
            except DBAPIError as error:
                is_stale = error.connection_invalidated and "context" not in state
                stale_connection = is_stale and time.monotonic() < try_again_until
                if attempt < ATTEMPTS_MAX and (stale_connection or _may_run_again(error)):
                    continue
                raise
            failure = state.pop("failure", None)
            if attempt < ATTEMPTS_MAX and _may_run_again(failure):
                continue
            await answer.release()
            return

    async def _read_ahead(
        self, scope: Scope, receive: Receive, send: Send, caller: Caller, next_app: ASGIApp
    ) -> bool:
        """False when the request has to run in a transaction, from its start; nobody saw this."""
        answer = _begin_answer(scope, send)
        permission = scope["route_handler"].opt["permission"]
        credential = authenticating_for(caller, permission, self._roles_with(permission))
        admit = partial(self._admitted, scope, caller)
        assert caller.token.tenant_id is not None
        reading = CredentialAhead(self._database, caller.token.tenant_id, credential, admit)
        scope["state"]["ahead"] = reading
        await _run(scope, replay(scope["state"]["body"], receive), answer, next_app)
        if not reading.decided:
            return False
        await answer.release()
        return True

    async def _attempt(
        self, scope: Scope, receive: Receive, caller: Caller, answer: Answer, next_app: ASGIApp
    ) -> None:
        body: bytes = scope["state"]["body"]
        receive = replay(body, answer.after_body(receive))
        async with (
            await self._database.borrow() as wire,
            self._database.session_on(wire) as session,
        ):
            found, claim = await begin(
                wire, scope, caller, self._database.settings, self._roles_with
            )
            context = await self._admitted(scope, caller, found, session, ending_of(found))
            answer.commit = scope["state"]["let_go"] = partial(
                commit, session, wire, scope, context.ending
            )
            scope["state"]["ahead"] = ReadInTransaction(context)
            async with context.closing, repeatable(scope, context, answer, body, claim) as replayed:
                if not replayed:
                    await _run(scope, receive, answer, next_app)
                    answer.refuse_too_large()
            if answer.status < 400 and not answer.streaming:
                answer.fill_in(await answer.commit())

    async def _admitted(
        self,
        scope: Scope,
        caller: Caller,
        found: Sequence[Any],
        session: AsyncSession,
        ending: Ending | None = None,
    ) -> Context:
        """The context of a caller who may do this, and has paid for it. Raises refusals."""
        state = scope["state"]
        tenant, actor = resolve(caller, found, self._permissions_of)
        self._parties.note(caller, tenant.id)
        charge = self._limits.charge_of(caller, tenant, state)
        if not state.get("counted"):  # once, however often it is attempted
            await charge(1)
            state["counted"] = True
        context = Context(
            session=session,
            tenant=tenant,
            actor=actor,
            database=self._database,
            settings=self._database.settings,
            request_id=caller.request_id,
            address=caller.address,
            ending=ending,
            charge=charge,
        )
        state["context"] = context
        self._note_use(context)
        state["log_tenant"] = tenant.slug
        bind_contextvars(tenant=tenant.slug)
        context.actor.require(scope["route_handler"].opt["permission"])
        return context


def _may_read_ahead(scope: Scope, caller: Caller) -> bool:
    """A session does not name its tenant, and a stored answer is found in a transaction."""
    handler = scope["route_handler"]
    if "ahead" not in handler.parsed_fn_signature.parameters or caller.token.tenant_id is None:
        return False
    if (asked := scope["query_string"]) and any(
        name.encode() in asked for name in handler.opt.get("in_transaction_with", ())
    ):
        return False  # it would only find that out by itself
    return key_of(scope) is None


async def _run(scope: Scope, receive: Receive, answer: Answer, next_app: ASGIApp) -> None:
    if (lane := lane_of(scope)) is not None:
        answer.fill(*await call(lane, scope))
        return
    try:
        await next_app(scope, receive, answer.receive)
    finally:  # Litestar has seen it start, and nobody else
        ScopeState.from_scope(scope).response_started = answer.streaming


def _begin_answer(scope: Scope, send: Send) -> Answer:
    state = scope["state"]
    for left in ("context", "reason", "failure"):
        state.pop(left, None)
    # What is held back has not started, whatever Litestar saw of the last attempt.
    ScopeState.from_scope(scope).response_started = False
    return Answer(send, may_stream=key_of(scope) is None)


def _methods_of(scope: Scope) -> set[str]:
    """What the path that was asked for takes."""
    routes = [route for route in scope["litestar_app"].routes if isinstance(route, HTTPRoute)]
    return {
        method
        for route in routes
        if route.path_format == scope["path_template"]
        for method in route.methods
    }


def _may_run_again(error: Exception | None) -> bool:
    """Lost races, deadlocks and serialization failures, which certainly left nothing behind."""
    if isinstance(error, LostRace):
        return True
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in RETRYABLE
