"""The heads of the chains under a new master key.

A head that is sound under its old key is sound under the new one: it stands for the whole chain by
its digest, and so no chain has to be walked. Seals keep the tags of their day.
"""

from typing import Any

import psycopg
from psycopg.rows import dict_row

from crm_saas.audit.chain import equal, head_mac
from crm_saas.kit.crypto import KeyRing

_OLD = """
    select h.tenant_org_id, h.id, h.position, h.digest, h.sealed_through, h.key_version, h.mac
    from org_audit_heads h
    where h.key_version <> %s
    order by h.tenant_org_id, h.id
"""
_LOCKED = "select * from org_audit_heads where tenant_org_id = %s and id = %s for update"
_RENEW = """
    update org_audit_heads
    set key_version = %s, mac = %s
    where tenant_org_id = %s and id = %s
"""


def renew_heads(connection: psycopg.Connection[Any], ring: KeyRing) -> int:
    """As crm_platform; says how many. One that is not sound stays as it is."""
    renewed = 0
    cursor = connection.cursor(row_factory=dict_row)
    for old in cursor.execute(_OLD, [ring.current]).fetchall():
        with connection.transaction():
            key = [old["tenant_org_id"], old["id"]]
            head = cursor.execute(_LOCKED, key).fetchone()
            if head is None or head["key_version"] not in ring.masters:
                continue
            if equal(head["mac"], _mac(ring, head, head["key_version"])):
                mac = _mac(ring, head, ring.current)
                renewed += connection.execute(_RENEW, [ring.current, mac, *key]).rowcount
    return renewed


def head_versions(connection: psycopg.Connection[Any]) -> dict[int, int]:
    counted = connection.execute(
        "select key_version, count(*) from org_audit_heads group by 1"
    ).fetchall()
    return dict(counted)


def _mac(ring: KeyRing, head: dict[str, Any], version: int) -> bytes:
    return head_mac(
        ring,
        head["tenant_org_id"],
        head["position"],
        head["digest"],
        head["sealed_through"],
        version,
    )
