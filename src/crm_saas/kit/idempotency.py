"""`Idempotency-Key`: an answer stored in the transaction of its effect and played again.

A key belongs to one tenant, one principal and one route. Refusals are not stored: they left no
trace, and run again. (draft-ietf-httpapi-idempotency-key-header)
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.context import Context
from crm_saas.kit.crypto import KeyMissing, KeyRing, decrypt, encrypt
from crm_saas.kit.ending import LastCall, Late, fill_in
from crm_saas.kit.errors import InvalidInput, Problem, Unavailable
from crm_saas.kit.ids import new_id
from crm_saas.kit.locks import lock_number
from crm_saas.kit.models import Base, TenantOwned
from crm_saas.kit.sealed import SealedColumn
from crm_saas.kit.settings import Settings
from crm_saas.kit.wire import Statement

KEY_LENGTH_MAX = 255
_KEPT_HEADERS = frozenset({b"content-type", b"etag", b"location"})


class IdempotencyKeyReused(Problem):
    status, type, title = 422, "idempotency-key-reused", "The key came with another request before"


class IdempotencyKeyInFlight(Problem):
    status, type, title = 409, "idempotency-key-in-flight", "The first request is still running"


class StoredAnswer(TenantOwned, Base):
    __tablename__ = "org_idempotency_keys"
    __constraints__ = (
        UniqueConstraint(
            "tenant_org_id", "principal", "route", "key", name="org_idempotency_keys_key_uq"
        ),
        Index("org_idempotency_keys_created_ix", "tenant_org_id", "created_at"),
    )

    principal: Mapped[str]
    route: Mapped[str]
    key: Mapped[str]
    request_hash: Mapped[bytes]
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes]
    late: Mapped[dict[str, Any] | None]
    """What stands in the body for what its request decided last (kit/ending.py)."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


SEALED = SealedColumn(
    table="org_idempotency_keys",
    column="body",
    key=("tenant_org_id", "id"),
    place=lambda row: _place(row["tenant_org_id"], row["id"]),
)


class Earlier(NamedTuple):
    """The answer to an earlier request with this key."""

    id: UUID
    request_hash: bytes
    status: int
    headers: dict[str, str]
    body: bytes
    late: Late | None


CLAIMED = ("locked", "id", "request_hash", "status", "headers", "body", "late")
"""The columns of `claim_idempotency_key`; `earlier_of` reads a row of them."""
_CLAIM = Statement(
    f"select {', '.join(CLAIMED)} from "  # noqa: S608
    "claim_idempotency_key(%(tenant)s, %(number)s, %(principal)s, %(route)s, %(key)s)"
)
_STORE = Statement(
    "insert into org_idempotency_keys "
    "(tenant_org_id, id, principal, route, key, request_hash, status, headers, body) "
    "select %(tenant)s::uuid, a.id, a.principal, a.route, a.key, a.request_hash, a.status, "
    "a.headers, a.body from jsonb_populate_record(null::org_idempotency_keys, %(answer)s) as a "
    "returning id"
)


async def claim(context: Context, *, route: str, key: str, body: bytes) -> Earlier | None:
    """The stored answer of an earlier request with this key, or None when this one may run.

    Raises IdempotencyKeyReused for another body, IdempotencyKeyInFlight while the first runs: a
    second insert would only wait for it, so the claim is an advisory lock that does not.
    """
    if not is_key(key):
        raise InvalidInput.of(
            "Idempotency-Key", f"must be 1 to {KEY_LENGTH_MAX} printable characters"
        )
    asked = asking(context.settings, context.tenant.id, route=route, key=key)
    (row,) = await context.fetch(_CLAIM, principal=_principal(context), **asked)
    return earlier_of(row, body)


def is_key(text: str) -> bool:
    return 1 <= len(text) <= KEY_LENGTH_MAX and text.isprintable()


def asking(settings: Settings, tenant_id: UUID, *, route: str, key: str) -> dict[str, Any]:
    """What a claim is sent, but for the tenant and the principal: the database may know it first.

    The number is the same for all principals; `claim_idempotency_key` makes it the principal's.
    """
    number = lock_number(settings, "idempotency", str(tenant_id), route, key)
    return {"number": number, "route": route, "key": key}


def earlier_of(row: Sequence[Any], body: bytes) -> Earlier | None:
    """What `claim` returns, and raises for what is not the key's format."""
    locked, *found = row
    if not locked:
        raise IdempotencyKeyInFlight(
            "Wait a second and send the same request again.", headers={"Retry-After": "1"}
        )
    if found[0] is None:
        return None
    earlier = Earlier(*found)
    if earlier.request_hash != _hash(body):
        raise IdempotencyKeyReused(
            "This Idempotency-Key was used with another body. Use a new key for a new request."
        )
    return earlier


def seal_answer(
    context: Context,
    *,
    route: str,
    key: str,
    request_body: bytes,
    status: int,
    headers: Sequence[tuple[bytes, bytes]],
    body: bytes,
) -> dict[str, Any]:
    """The row that keeps an answer, as JSON; encrypted, since it may hold a fresh credential."""
    answer_id = new_id()
    sealed = encrypt(_ring(context), body, aad=_place(context.tenant.id, answer_id))
    return {
        "id": answer_id,
        "principal": _principal(context),
        "route": route,
        "key": key,
        "request_hash": _bytea(_hash(request_body)),
        "status": status,
        "headers": {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in headers
            if name.lower() in _KEPT_HEADERS
        },
        "body": _bytea(sealed),
    }


async def store(context: Context, answer: Mapping[str, Any]) -> None:
    """Keeps a sealed answer beside its effect, in a transaction that goes on."""
    await context.fetch(_STORE, answer=msgspec.json.encode(answer).decode())


def keep(context: Context, answer: Mapping[str, Any]) -> None:
    """The same with the commit of the request, or by what it does last."""
    assert context.ending is not None, "only a request ends so"
    context.ending.answer = answer
    context.ending.last = context.ending.last or LastCall(_STORE, {"tenant": context.tenant.id})


def stored_body(context: Context, earlier: Earlier) -> bytes:
    """Raises Unavailable where the key is not there yet: another process has got it before."""
    place = _place(context.tenant.id, earlier.id)
    try:
        return fill_in(decrypt(_ring(context), earlier.body, aad=place), earlier.late or {})
    except KeyMissing as error:
        raise Unavailable(
            "The first answer was kept with a key that this process does not have. Nothing was "
            "done; try again."
        ) from error


def _bytea(value: bytes) -> str:
    """As PostgreSQL reads it from JSON."""
    return f"\\x{value.hex()}"


def _principal(context: Context) -> str:
    return f"{context.actor.kind}:{context.actor.id}"


def _hash(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _ring(context: Context) -> KeyRing:
    return KeyRing.from_settings(context.settings)


def _place(tenant_id: UUID, answer_id: UUID) -> bytes:
    return b"org_idempotency_keys.body" + tenant_id.bytes + answer_id.bytes
