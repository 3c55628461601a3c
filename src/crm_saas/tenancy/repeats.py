"""The same request sent again, with its `Idempotency-Key` (kit/idempotency.py)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from litestar.types import HTTPScope, Scope

from crm_saas.kit import idempotency
from crm_saas.kit.context import Context
from crm_saas.tenancy.answers import Answer


def key_of(scope: Scope) -> str | None:
    """The Idempotency-Key, which only a POST may need; one that streams keeps its own answer."""
    if cast(HTTPScope, scope)["method"] != "POST" or scope["route_handler"].opt.get("streams_body"):
        return None
    header = next((v for name, v in scope["headers"] if name == b"idempotency-key"), None)
    return None if header is None else header.decode("latin-1")


@asynccontextmanager
async def repeatable(
    scope: Scope, context: Context, answer: Answer, body: bytes
) -> AsyncIterator[bool]:
    """Replays a stored answer, or stores the one that the block produces."""
    key = key_of(scope)
    if key is None:
        yield False
        return
    # The path with its ids, not the template: one key must not replay another customer's answer.
    route = f"POST {scope['path']}"
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
