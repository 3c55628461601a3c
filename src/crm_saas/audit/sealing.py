"""Sealing new events into their tenant's chain.

One sealing of a tenant at a time: the head's row is its lock, which no writer of events takes.
Events become visible out of order, so each sealing looks back from the last one by the longest
time that a transaction may last; what it finds there without a seal is sealed, oldest first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import RowMapping, exists, func, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from crm_saas.audit.chain import (
    BEGINNING,
    FORMAT,
    LOOK_BACK,
    SEALED_COLUMNS,
    SEALS,
    equal,
    genesis,
    head_mac,
    seal_digest,
    seal_tag,
)
from crm_saas.audit.models import Head, Seal
from crm_saas.kit.context import Context
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.events import Event
from crm_saas.kit.jobs import JobRefused, enqueue

BATCH_EVENTS = 1_000
BATCHES_MAX = 10
_COLUMNS = [getattr(Event, name) for name in SEALED_COLUMNS]
_log = structlog.get_logger("crm_saas.audit")


class BrokenChain(JobRefused):
    """The head is not what sealing left: to go on from it would make it look sound."""


async def seal_events(context: Context) -> None:
    """Seals what is new; leaves the rest of a long backlog to a job that follows at once."""
    ring = KeyRing.from_settings(context.settings)
    head = await _locked_head(context, ring)
    await _refuse_broken(context, ring, head)
    now: datetime = (await context.session.execute(select(func.now()))).scalar_one()
    for _ in range(BATCHES_MAX):
        found = await _unsealed(context, head, now)
        if found:
            await _extend(context, ring, head, found, now)
        is_last = len(found) < BATCH_EVENTS
        head.sealed_through = now if is_last else min(now, found[-1]["created_at"])
        if is_last:
            break
    else:
        await enqueue(context, "audit.seal", {}, priority=-10)
    head.key_version = ring.current
    head.mac = _mac(ring, head)
    await context.session.flush()


async def _locked_head(context: Context, ring: KeyRing) -> Head:
    tenant_id = context.tenant.id
    query = (
        select(Head).where(Head.tenant_org_id == tenant_id, Head.id == tenant_id).with_for_update()
    )
    head = await context.session.scalar(query)
    if head is None:
        first = genesis(tenant_id)
        values = {
            "tenant_org_id": tenant_id,
            "id": tenant_id,
            "position": 0,
            "digest": first,
            "sealed_through": BEGINNING,
            "key_version": ring.current,
            "mac": head_mac(ring, tenant_id, 0, first, BEGINNING, ring.current),
        }
        await context.session.execute(insert_or_leave(Head).values(values).on_conflict_do_nothing())
        head = (await context.session.scalars(query)).one()
    return head


async def _refuse_broken(context: Context, ring: KeyRing, head: Head) -> None:
    """Raises BrokenChain, which parks the job: `crm-saas audit verify` says what is wrong."""
    where = f"the audit chain of {context.tenant.slug}"
    if head.key_version not in ring.masters:
        raise BrokenChain(
            f"{where}: its head is made with key {head.key_version}, which CRM_MASTER_KEYS lacks"
        )
    found = await context.session.execute(
        select(Seal.position, Seal.digest)
        .where(Seal.tenant_org_id == head.tenant_org_id)
        .order_by(Seal.position.desc())
        .limit(1)
    )
    position, digest = found.one_or_none() or (0, genesis(head.tenant_org_id))
    is_end = position == head.position and equal(digest, head.digest)
    if not is_end or not equal(head.mac, _mac(ring, head)):
        raise BrokenChain(f"{where} is broken; run `crm-saas audit verify`")


async def _unsealed(context: Context, head: Head, now: datetime) -> Sequence[RowMapping]:
    tenant_id = context.tenant.id
    sealed = exists().where(Seal.tenant_org_id == tenant_id, Seal.id == Event.id)
    found = await context.session.execute(
        select(*_COLUMNS)
        .where(
            Event.tenant_org_id == tenant_id,
            # The clock may have been set back.
            Event.created_at >= min(head.sealed_through, now) - LOOK_BACK,
            ~sealed,
        )
        .order_by(Event.created_at, Event.id)
        .limit(BATCH_EVENTS)
    )
    return found.mappings().all()


async def _extend(
    context: Context, ring: KeyRing, head: Head, events: Sequence[RowMapping], now: datetime
) -> None:
    key = ring.subkey(SEALS)
    seals: list[dict[str, Any]] = []
    for event in events:
        head.position += 1
        head.digest = seal_digest(head.digest, head.position, ring.current, now, event)
        seals.append(
            {
                "tenant_org_id": head.tenant_org_id,
                "id": event["id"],
                "position": head.position,
                "format": FORMAT,
                "digest": head.digest,
                "key_version": ring.current,
                "tag": seal_tag(key, head.digest),
                "sealed_at": now,
            }
        )
    await context.session.execute(insert(Seal), seals)
    # Whoever keeps the log elsewhere has an anchor that the database's owner cannot reach.
    _log.info(
        "audit_sealed",
        tenant=str(head.tenant_org_id),
        position=head.position,
        digest=head.digest.hex(),
    )


def _mac(ring: KeyRing, head: Head) -> bytes:
    return head_mac(
        ring, head.tenant_org_id, head.position, head.digest, head.sealed_through, head.key_version
    )
