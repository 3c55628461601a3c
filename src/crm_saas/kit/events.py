"""Events: what a verb did, recorded in its own transaction. Audit and event are one record."""

import hashlib
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.context import Context
from crm_saas.kit.ids import new_id
from crm_saas.kit.models import Base, TenantOwned

VERSION = 1
SALT_BYTES = 16
_DIGITS_MAX = 10**16  # from here on floats are written with an exponent


class Event(TenantOwned, Base):
    """One record of the append-only trail (SPEC 1.7).

    `before` and `after` hold what changed of the subject. `rows` names further rows that the same
    act changed, as {table: [ids]}. `commitment` is SHA-256 over `salt` and both: a later chain
    seals it, so that erasing a person (values and salt) leaves the chain verifiable.
    """

    __tablename__ = "org_events"
    __constraints__ = (
        Index("org_events_created_ix", "tenant_org_id", "created_at", "id"),
        Index("org_events_customer_ix", "tenant_org_id", "customer_id", "created_at", "id"),
        Index("org_events_subject_ix", "tenant_org_id", "subject_id", "created_at", "id"),
    )

    kind: Mapped[str]
    version: Mapped[int]
    subject_table: Mapped[str]
    subject_id: Mapped[UUID | None]
    customer_id: Mapped[UUID | None]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    actor_role: Mapped[str]
    request_id: Mapped[str]
    address: Mapped[str | None]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    rows: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    salt: Mapped[bytes | None]
    commitment: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


Handler = Callable[[Context, Event], Awaitable[None]]
# Event kind → what follows from it, in the transaction of the event. wiring fills it in.
HANDLERS: dict[str, tuple[Handler, ...]] = {}


async def record(
    context: Context,
    kind: str,
    *,
    subject: tuple[str, UUID | None],
    customer_id: UUID | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    rows: Mapping[str, Sequence[UUID]] | None = None,
) -> Event:
    """Records `kind` (such as `customer.created`) about `subject` (its table and id).

    `before` and `after` hold only the fields that changed. Nothing that `subject` and `rows` do
    not name may have changed in this transaction: the tests hold every verb to it.
    """
    event = _event(context, kind, subject, customer_id, before, after, rows)
    context.session.add(event)
    await context.session.flush()
    await follow(context, event)
    return event


@dataclass(frozen=True)
class Change:
    """What changed of one customer, among many."""

    kind: str
    subject: tuple[str, UUID]
    customer_id: UUID
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    rows: Mapping[str, Sequence[UUID]] = field(default_factory=dict)


async def record_each(context: Context, changes: Sequence[Change]) -> None:
    """A record for each, written at once. What follows from them is the caller's, at once too."""
    context.session.add_all(
        [
            _event(context, c.kind, c.subject, c.customer_id, c.before, c.after, c.rows)
            for c in changes
        ]
    )
    await context.session.flush()


def _event(
    context: Context,
    kind: str,
    subject: tuple[str, UUID | None],
    customer_id: UUID | None,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    rows: Mapping[str, Sequence[UUID]] | None,
) -> Event:
    old, new = plain(before), plain(after)
    frame = frame_of(context, kind, subject=subject, customer_id=customer_id, rows=rows)
    return Event(
        tenant_org_id=context.tenant.id,
        **frame,
        before=old,
        after=new,
        commitment=commitment(frame["salt"], old, new),
    )


def frame_of(
    context: Context,
    kind: str,
    *,
    subject: tuple[str, UUID | None],
    customer_id: UUID | None = None,
    rows: Mapping[str, Sequence[UUID]] | None = None,
) -> dict[str, Any]:
    """The columns of a record around its values."""
    return {
        "id": new_id(),
        "kind": kind,
        "version": VERSION,
        "subject_table": subject[0],
        "subject_id": subject[1],
        "customer_id": customer_id,
        "actor_kind": context.actor.kind,
        "actor_id": context.actor.id,
        "actor_name": context.actor.name,
        "actor_role": context.actor.role,
        "request_id": context.request_id,
        "address": context.address,
        "rows": {table: [str(i) for i in ids] for table, ids in (rows or {}).items() if ids},
        "salt": os.urandom(SALT_BYTES),
    }


async def follow(context: Context, event: Event) -> None:
    """What follows from a record, within its transaction."""
    for handle in HANDLERS.get(event.kind, ()):
        await handle(context, event)


def commitment(salt: bytes, before: dict[str, Any] | None, after: dict[str, Any] | None) -> bytes:
    """SHA-256 over the salt and `canonical_text`. create_customer.sql makes it too."""
    return hashlib.sha256(salt + canonical_text(before, after)).digest()


def canonical_text(before: dict[str, Any] | None, after: dict[str, Any] | None) -> bytes:
    """JSON of [before, after] with sorted keys.

    Raises OverflowError for numbers that no verb records.
    """
    return msgspec.json.encode([_canonical(before), _canonical(after)], order="sorted")


def _canonical(value: Any) -> Any:
    """The same for what was recorded and for what jsonb gives back: 1e17 comes back as an integer
    of all its digits, and -0.0 as 0.0."""
    match value:
        case dict():
            return {name: _canonical(item) for name, item in value.items()}
        case list():
            return [_canonical(item) for item in value]
        case float():
            return value + 0.0
        case int() if abs(value) >= _DIGITS_MAX:
            return float(value) if Decimal(repr(float(value))) == value else value
    return value


def plain(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """JSON values only, so that what is committed to equals what the database gives back."""
    if values is None:
        return None
    built: dict[str, Any] = msgspec.to_builtins(dict(values), enc_hook=_encode)
    return built


def _encode(value: object) -> object:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(value)


def changed(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ, as they were and as they are."""
    names = [name for name in after if before.get(name) != after[name]]
    return {n: before.get(n) for n in names}, {n: after[n] for n in names}
