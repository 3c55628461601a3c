"""`Idempotency-Key`: an answer stored in the transaction of its effect and played again.

A key belongs to one tenant, one principal and one route. Refusals are not stored: they left no
trace, and run again. (draft-ietf-httpapi-idempotency-key-header)
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.context import Context
from crm_saas.kit.crypto import KeyMissing, KeyRing, decrypt, encrypt
from crm_saas.kit.errors import InvalidInput, Problem, Unavailable
from crm_saas.kit.ids import new_id
from crm_saas.kit.locks import lock_number
from crm_saas.kit.models import Base, TenantOwned
from crm_saas.kit.sealed import SealedColumn

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
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


SEALED = SealedColumn(
    table="org_idempotency_keys",
    column="body",
    key=("tenant_org_id", "id"),
    place=lambda row: _place(row["tenant_org_id"], row["id"]),
)


async def claim(context: Context, *, route: str, key: str, body: bytes) -> StoredAnswer | None:
    """The stored answer of an earlier request with this key, or None when this one may run.

    Raises IdempotencyKeyReused for another body, IdempotencyKeyInFlight while the first runs: a
    second insert would only wait for it, so the claim is an advisory lock that does not.
    """
    if not 1 <= len(key) <= KEY_LENGTH_MAX or not key.isprintable():
        raise InvalidInput.of(
            "Idempotency-Key", f"must be 1 to {KEY_LENGTH_MAX} printable characters"
        )
    principal = _principal(context)
    locked = await context.session.scalar(
        text("select pg_try_advisory_xact_lock(:number)"),
        {
            "number": lock_number(
                context.settings, "idempotency", str(context.tenant.id), principal, route, key
            )
        },
    )
    if not locked:
        raise IdempotencyKeyInFlight(
            "Wait a second and send the same request again.", headers={"Retry-After": "1"}
        )
    stored: StoredAnswer | None = await context.session.scalar(
        select(StoredAnswer).where(
            StoredAnswer.tenant_org_id == context.tenant.id,
            StoredAnswer.principal == principal,
            StoredAnswer.route == route,
            StoredAnswer.key == key,
        )
    )
    if stored is not None and stored.request_hash != _hash(body):
        raise IdempotencyKeyReused(
            "This Idempotency-Key was used with another body. Use a new key for a new request."
        )
    return stored


async def store(
    context: Context,
    *,
    route: str,
    key: str,
    request_body: bytes,
    status: int,
    headers: Sequence[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    """Keeps the answer beside its effect; encrypted, since it may hold a fresh credential."""
    answer = StoredAnswer(
        tenant_org_id=context.tenant.id,
        id=new_id(),
        principal=_principal(context),
        route=route,
        key=key,
        request_hash=_hash(request_body),
        status=status,
        headers={
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in headers
            if name.lower() in _KEPT_HEADERS
        },
        body=b"",
    )
    answer.body = encrypt(_ring(context), body, aad=_place(answer.tenant_org_id, answer.id))
    context.session.add(answer)
    await context.session.flush()


def stored_body(context: Context, answer: StoredAnswer) -> bytes:
    """Raises Unavailable where the key is not there yet: another process has got it before."""
    place = _place(answer.tenant_org_id, answer.id)
    try:
        return decrypt(_ring(context), answer.body, aad=place)
    except KeyMissing as error:
        raise Unavailable(
            "The first answer was kept with a key that this process does not have. Nothing was "
            "done; try again."
        ) from error


def _principal(context: Context) -> str:
    return f"{context.actor.kind}:{context.actor.id}"


def _hash(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _ring(context: Context) -> KeyRing:
    return KeyRing.from_settings(context.settings)


def _place(tenant_id: UUID, answer_id: UUID) -> bytes:
    return b"org_idempotency_keys.body" + tenant_id.bytes + answer_id.bytes
