"""The same request sent again, with its `Idempotency-Key` (kit/idempotency.py)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from litestar.types import HTTPScope, Scope

from crm_saas.kit import idempotency
from crm_saas.kit.context import Context
from crm_saas.kit.settings import Settings
from crm_saas.kit.wire import BEGIN, Wire
from crm_saas.tenancy.answers import Answer
from crm_saas.tenancy.resolution import (
    Caller,
    RolesWith,
    authenticating,
    authenticating_with_claim,
    claimed_by,
)

Claim = Sequence[Any] | None
"""A row that `idempotency.earlier_of` reads; None where the key was not claimed yet."""


def key_of(scope: Scope) -> str | None:
    """The Idempotency-Key, which only a POST may need; one that streams keeps its own answer."""
    if cast(HTTPScope, scope)["method"] != "POST" or scope["route_handler"].opt.get("streams_body"):
        return None
    header = next((v for name, v in scope["headers"] if name == b"idempotency-key"), None)
    return None if header is None else header.decode("latin-1")


async def begin(
    wire: Wire, scope: Scope, caller: Caller, settings: Settings, roles_with: RolesWith
) -> tuple[Sequence[Any], Claim]:
    """Begins and authenticates in one round trip; the rows for `resolve`.

    The key of an API key's request is claimed along with it. A session does not name its tenant,
    and what is no key is refused after the credential.
    """
    key, tenant_id = key_of(scope), caller.token.tenant_id
    if key is None or tenant_id is None or not idempotency.is_key(key):
        begun, authenticated = await wire.send(BEGIN, authenticating(caller))
        begun.rows()
        return authenticated.rows(), None
    permission = scope["route_handler"].opt["permission"]
    asked = idempotency.asking(settings, tenant_id, route=_route_of(scope), key=key)
    both = authenticating_with_claim(caller, permission, roles_with(permission), asked)
    begun, found = await wire.send(BEGIN, both)
    begun.rows()
    return claimed_by(found.rows())


def _route_of(scope: Scope) -> str:
    """The path with its ids, not the template: one key must not replay another customer's
    answer."""
    return f"POST {scope['path']}"


@asynccontextmanager
async def repeatable(
    scope: Scope, context: Context, answer: Answer, body: bytes, claim: Claim
) -> AsyncIterator[bool]:
    """Replays a stored answer, or stores the one that the block produces."""
    key = key_of(scope)
    if key is None:
        yield False
        return
    route = _route_of(scope)
    if claim is not None:
        stored = idempotency.earlier_of(claim, body)
    else:
        stored = await idempotency.claim(context, route=route, key=key, body=body)
    if stored is not None:
        replayed = [
            (name.encode("latin-1"), v.encode("latin-1")) for name, v in stored.headers.items()
        ]
        replayed.append((b"idempotency-replayed", b"true"))
        answer.fill(stored.status, replayed, idempotency.stored_body(context, stored))
        yield True
        return
    yield False
    if 200 <= answer.status < 300:
        kept = idempotency.seal_answer(
            context,
            route=route,
            key=key,
            request_body=body,
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
        )
        idempotency.keep(context, kept)
