"""Finding persons by a hash of their phone, and moving them to a new master key.

A hash cannot be made anew from itself. The phone stands at the customers whose person it is; a
person whom no customer's phone leads to any more is never found again, under any key.
"""

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from crm_saas.kit.crypto import KeyRing, keyed_hash

PURPOSE = "person"
ROTATION_LOCK = 7_203_412  # as in sql/functions/person_of_phone.sql
BATCH_ROWS = 500

_OF_CUSTOMERS = """
    select c.tenant_org_id, c.id, c.phone, p.id, p.phone_hash
    from org_customers_mst c
    join sys_customers_mst p on p.id = c.person_id
    where c.phone is not null
        and p.key_version is distinct from %s
        and (c.tenant_org_id, c.id) > (%s, %s)
    order by c.tenant_org_id, c.id
    limit %s
"""
_MOVE = """
    update sys_customers_mst p
    set phone_hash = %(new)s, key_version = %(version)s
    where p.id = %(person)s
        and p.phone_hash = %(old)s
        and not exists (
            select from sys_customers_mst o where o.phone_hash = %(new)s and o.id <> p.id
        )
"""
# The customer of a person is committed after it, within a request. Random bytes are no phone's
# hash.
_RETIRE = """
    update sys_customers_mst p
    set phone_hash = sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'utf8')),
        key_version = %(version)s
    where p.key_version is distinct from %(version)s
        and p.created_at < now() - interval '1 hour'
"""
_NOBODY = UUID(int=0)


class Moved(NamedTuple):
    found: int
    retired: int
    """No customer's phone leads to them."""


def phone_hashes(ring: KeyRing, phone: str) -> dict[int, bytes]:
    """Of one phone under each key, the newest first."""
    return {
        version: keyed_hash(ring.subkey(PURPOSE, version), phone.encode())
        for version in sorted(ring.masters, reverse=True)
    }


def move_persons(
    connection: psycopg.Connection[Any],
    ring: KeyRing,
    progress: Callable[[int], None] = lambda _: None,
) -> Moved:
    """Makes the hashes anew under the newest key; a transaction a batch, as `seal_again`."""
    found, last = 0, (_NOBODY, _NOBODY)
    while True:
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", [ROTATION_LOCK])
            rows = connection.execute(_OF_CUSTOMERS, [ring.current, *last, BATCH_ROWS]).fetchall()
            for _, _, phone, person_id, phone_hash in rows:
                found += _move(connection, ring, phone, person_id, phone_hash)
        if not rows:
            break
        last = rows[-1][:2]
        progress(found)
    if len(ring.masters) == 1:
        return Moved(found, 0)  # what is left may well be found by this one key
    return Moved(found, connection.execute(_RETIRE, {"version": ring.current}).rowcount)


def _move(
    connection: psycopg.Connection[Any], ring: KeyRing, phone: str, person_id: UUID, old: bytes
) -> int:
    hashes = phone_hashes(ring, phone)
    if old not in hashes.values():
        return 0  # a phone that came later, by another way than a code
    values = {"new": hashes[ring.current], "version": ring.current, "person": person_id, "old": old}
    return connection.execute(_MOVE, values).rowcount


def person_versions(connection: psycopg.Connection[Any]) -> dict[int | None, int]:
    """How many persons are hashed with each key; None is the oldest that there was."""
    counted = connection.execute(
        "select key_version, count(*) from sys_customers_mst group by 1"
    ).fetchall()
    return dict(counted)
