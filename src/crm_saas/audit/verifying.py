"""`crm-saas audit verify`: is every tenant's trail what was sealed, whole and unaltered?

Reads as crm_dump in one snapshot a tenant, streamed: what it keeps does not grow with the trail.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg import errors
from psycopg.rows import dict_row
from psycopg.types.datetime import TimestamptzLoader

from crm_saas.audit.chain import (
    ERASABLE_COLUMNS,
    FORMAT,
    HEADS,
    LOOK_BACK,
    SEALED_COLUMNS,
    SEALS,
    equal,
    genesis,
    head_mac,
    seal_digest,
    seal_tag,
)
from crm_saas.audit.values import Unreadable, values_hold
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.schemas import Struct

FAULTS_SHOWN_MAX = 100
PROGRESS_EVERY = 100_000
_AT_ONCE = 2_000
_SEALED = """
    select
        s.id,
        s.position,
        s.format,
        s.digest,
        s.key_version,
        s.tag,
        s.sealed_at,
        e.tenant_org_id as event_tenant_org_id,
        e.id as event_id,
        e.kind as event_kind,
        e.version as event_version,
        e.subject_table as event_subject_table,
        e.subject_id as event_subject_id,
        e.customer_id as event_customer_id,
        e.actor_kind as event_actor_kind,
        e.actor_id as event_actor_id,
        e.actor_name as event_actor_name,
        e.actor_role as event_actor_role,
        e.request_id as event_request_id,
        e.address as event_address,
        e.rows::text as event_rows,
        e.commitment as event_commitment,
        e.created_at as event_created_at,
        e.before::text as before,
        e.after::text as after,
        e.salt,
        case when e.id is not null and e.salt is null then exists (
            select
            from org_events r
            where r.tenant_org_id = e.tenant_org_id
                and r.customer_id = e.customer_id
                and r.kind = 'customer.trail_erased'
                and r.salt is not null
                -- Of this event: an older erasure took no later one. Times are those of the
                -- transactions' beginnings, and either may have begun long before it was done.
                and r.created_at >= greatest(e.created_at, timestamptz '2000-01-01') - %s::interval
        ) end as erasure_recorded
    from org_audit_seals s
    left join org_events e on e.tenant_org_id = s.tenant_org_id and e.id = s.id
    where s.tenant_org_id = %s
    order by s.position, s.id
"""
_UNSEALED = """
    select e.id, e.created_at < least(%s::timestamptz, now()) - %s::interval as is_late
    from org_events e
    where e.tenant_org_id = %s
        and not exists (
            select from org_audit_seals s where s.tenant_org_id = %s and s.id = e.id
        )
    order by e.created_at, e.id
"""
_NAMES = count(1)


class Fault(Struct):
    """What is wrong, and where: a position of the chain, an event's id, or the head."""

    what: str
    where: str


class Anchor(Struct):
    """A head as it was once, kept where the database's owner cannot reach it."""

    tenant: UUID
    slug: str
    position: int
    digest: str


class Report(Struct):
    tenant: UUID
    slug: str
    sealed: int
    """Events that are as they were when they were sealed."""
    waiting: int
    """Recent events that the next sealing will take."""
    erased: int
    """Of the sealed ones, those whose values were erased, with a record of it."""
    tags_unchecked: int
    """Seals made with a key that the ring no longer has; the chain vouches for them."""
    faults_found: int
    faults: list[Fault]
    """The first hundred."""


class _LenientTimestamp(TimestamptzLoader):
    """What Python's datetime cannot hold (infinity, the year 20000) is no error, but a fault."""

    def load(self, data: Any) -> Any:
        try:
            return super().load(data)
        except errors.DataError:
            return bytes(data).decode()


class Verifier:
    """Verifies one tenant on a connection that sees all of its rows."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        ring: KeyRing,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.connection = connection
        self.ring = ring
        self.progress = progress
        self._tag_keys = ring.subkeys(SEALS)
        self._faults: list[Fault] = []
        self._faults_found = 0

    def verify(self, tenant_id: UUID, slug: str, anchors: Sequence[Anchor] = ()) -> Report:
        self._faults, self._faults_found = [], 0
        report = Report(tenant_id, slug, 0, 0, 0, 0, 0, [])
        expected = {anchor.position: anchor for anchor in anchors}
        with self.connection.transaction():
            # All rows are read: plans for the first few took twelve times as long for 20,000.
            self.connection.execute("set local cursor_tuple_fraction = 1")
            position, digest = self._walk(tenant_id, expected, report)
            through = self._judge_head(tenant_id, position, digest)
            report.waiting = self._judge_unsealed(tenant_id, through)
        for anchor in expected.values():
            if anchor.position > position:
                self._fault(
                    f"the chain ends at {position}; a head kept elsewhere says {anchor.position}",
                    "head",
                )
        report.faults_found, report.faults = self._faults_found, self._faults
        return report

    def _walk(
        self, tenant_id: UUID, anchors: Mapping[int, Anchor], report: Report
    ) -> tuple[int, bytes]:
        """Along the seals; the position and digest of the last one."""
        position, digest = 0, genesis(tenant_id)
        for number, row in enumerate(self._rows(_SEALED, LOOK_BACK, tenant_id), 1):
            where = f"position {row['position']}"
            before = self._faults_found
            if row["position"] != position + 1:
                self._fault(f"does not follow position {position}", where)
            if row["event_id"] is None:
                self._fault(f"the sealed event {row['id']} is gone", where)
            else:
                self._judge_event(row, digest, where, report)
            self._judge_tag(row, where, report)
            anchor = anchors.get(row["position"])
            if anchor and anchor.digest != row["digest"].hex():
                self._fault("is not what a head kept elsewhere says", where)
            position, digest = row["position"], row["digest"]
            report.sealed += self._faults_found == before
            if number % PROGRESS_EVERY == 0:
                self.progress(number)
        return position, digest

    def _judge_event(
        self, row: Mapping[str, Any], previous: bytes, where: str, report: Report
    ) -> None:
        try:
            event = {name: row[f"event_{name}"] for name in SEALED_COLUMNS}
            event["rows"] = msgspec.json.decode(event["rows"])
            digest = seal_digest(
                previous, row["position"], row["key_version"], row["sealed_at"], event
            )
            if row["format"] != FORMAT or not equal(digest, row["digest"]):
                self._fault(f"the event {row['id']} or its seal was altered", where)
            if all(row[name] is None for name in ERASABLE_COLUMNS):
                report.erased += 1
                if not row["erasure_recorded"]:
                    self._fault(
                        f"the values of event {row['id']} are gone without a record of an erasure",
                        where,
                    )
            elif not values_hold(row, event["commitment"]):
                self._fault(f"`before` or `after` of the event {row['id']} was altered", where)
        except (Unreadable, msgspec.MsgspecError, TypeError) as error:
            self._fault(f"the event {row['id']} cannot be read: {error}", where)

    def _judge_tag(self, row: Mapping[str, Any], where: str, report: Report) -> None:
        key = self._tag_keys.get(row["key_version"])
        if key is None:
            report.tags_unchecked += 1
        elif not equal(seal_tag(key, row["digest"]), row["tag"]):
            self._fault("the seal was not made with the master key", where)

    def _judge_head(self, tenant_id: UUID, position: int, digest: bytes) -> Any:
        """When the chain was last brought up to date, by a head that is sound."""
        heads = list(
            self._rows("select * from org_audit_heads where tenant_org_id = %s", tenant_id)
        )
        if not heads:
            if position or self._is_old(tenant_id):
                self._fault("was never sealed, or the chain's head is gone", "head")
            return None
        head = heads[0]
        if len(heads) > 1 or head["id"] != tenant_id:
            self._fault("there is another head than the tenant's own", "head")
        version = head["key_version"]
        if version not in self.ring.masters:
            self._fault(f"made with key {version}, which CRM_MASTER_KEYS lacks", "head")
            return head["sealed_through"]
        if isinstance(head["sealed_through"], str) or not equal(
            head["mac"],
            head_mac(
                self.ring, tenant_id, head["position"], head["digest"], head["sealed_through"],
                version,
            ),
        ):  # fmt: skip
            self._fault(f"was not made with the master key ({HEADS})", "head")
        if head["position"] != position:
            self._fault(f"says position {head['position']}; the seals end at {position}", "head")
        elif not equal(head["digest"], digest):
            self._fault("has another digest than the last seal", "head")
        return head["sealed_through"]

    def _judge_unsealed(self, tenant_id: UUID, through: Any) -> int:
        waiting = 0
        for row in self._rows(_UNSEALED, through, LOOK_BACK, tenant_id, tenant_id):
            if row["is_late"] and through is not None:
                self._fault("was not there when its time was sealed", f"event {row['id']}")
            else:
                waiting += 1
        return waiting

    def _is_old(self, tenant_id: UUID) -> bool:
        row = self.connection.execute(
            "select created_at < now() - interval '5 minutes' from sys_tenants_mst where id = %s",
            [tenant_id],
        ).fetchone()
        return row is None or bool(row[0])

    def _rows(self, query: str, *values: object) -> Iterator[dict[str, Any]]:
        """Through a cursor on the server, some thousand at a time."""
        name = f"audit_{next(_NAMES)}"
        with self.connection.cursor(name, row_factory=dict_row) as cursor:
            cursor.adapters.register_loader("timestamptz", _LenientTimestamp)
            cursor.itersize = _AT_ONCE
            yield from cursor.execute(query.encode(), values)

    def _fault(self, what: str, where: str) -> None:
        self._faults_found += 1
        if len(self._faults) < FAULTS_SHOWN_MAX:
            self._faults.append(Fault(what, where))
