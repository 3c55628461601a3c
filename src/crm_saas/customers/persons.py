"""Finding persons by a hash of their phone, and moving them to a new master key.

A hash cannot be made anew from itself. The phones stand with the customers, their own and those
that they took over in a merge; a person whom none of these leads to is never found again, under
any key.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from crm_saas.kit.crypto import KeyRing, keyed_hash

PURPOSE = "person"
OLDEST_KEY = 1
"""What made the hashes that no key is written down for."""
ROTATION_LOCK = 7_203_412  # as in sql/functions/person_of_phone.sql
BATCH_ROWS = 500

_PHONES = """
    select tenant_org_id, id, value
    from org_customer_identifiers
    where kind = 'phone' and (tenant_org_id, id) > (%s, %s)
    order by tenant_org_id, id
    limit %s
"""
_MOVE = """
    update sys_customers_mst p
    set phone_hash = h.wanted, key_version = %(version)s
    from unnest(%(found)s::bytea[], %(wanted)s::bytea[]) as h (found, wanted)
    where p.phone_hash = h.found
        and p.key_version is distinct from %(version)s
        and not exists (
            select from sys_customers_mst o where o.phone_hash = h.wanted and o.id <> p.id
        )
"""
# Only what a key of the ring has made: of all others the phone may well be there, and not be
# recognised. Nor whom a customer is linked to, which may have happened behind our back. That
# customer is committed after its person, within a request. Random bytes are no phone's hash.
_RETIRE = """
    update sys_customers_mst p
    set phone_hash = sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'utf8')),
        key_version = %(version)s
    where p.key_version is distinct from %(version)s
        and coalesce(p.key_version, %(oldest)s) = any (%(ring)s)
        and p.created_at < now() - interval '1 hour'
        and not exists (select from org_customers_mst c where c.person_id = p.id)
"""
_FIRST = UUID(int=0)


class Moved(NamedTuple):
    found: int
    retired: int
    """No customer's phone leads to them, and none is linked to them."""


def phone_hashes(ring: KeyRing, phone: str) -> dict[int, bytes]:
    """Of one phone under each key, the newest first."""
    return _hashes(ring.subkeys(PURPOSE), phone)


def move_persons(
    connection: psycopg.Connection[Any],
    ring: KeyRing,
    progress: Callable[[int], None] = lambda _: None,
) -> Moved:
    """Makes the hashes anew under the newest key; a transaction a batch, as `seal_again`."""
    keys, found, last = ring.subkeys(PURPOSE), 0, (_FIRST, _FIRST)
    while rows := connection.execute(_PHONES, [*last, BATCH_ROWS]).fetchall():
        hashes = [_hashes(keys, phone) for _, _, phone in rows]
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s, 0)", [ROTATION_LOCK])
            found += _move(connection, ring.current, hashes)
        last = rows[-1][:2]
        progress(found)
    if len(ring.masters) == 1:
        return Moved(found, 0)  # what is left may well be found by this one key
    values = {"version": ring.current, "ring": list(ring.masters), "oldest": OLDEST_KEY}
    return Moved(found, connection.execute(_RETIRE, values).rowcount)


def _move(
    connection: psycopg.Connection[Any], version: int, hashes: Sequence[Mapping[int, bytes]]
) -> int:
    """A key at a time: two persons of one phone cannot both be moved."""
    wanted, moved = [of_phone[version] for of_phone in hashes], 0
    for key in hashes[0]:
        values = {
            "version": version,
            "found": [of_phone[key] for of_phone in hashes],
            "wanted": wanted,
        }
        moved += connection.execute(_MOVE, values).rowcount
    return moved


def _hashes(keys: Mapping[int, bytes], phone: str) -> dict[int, bytes]:
    return {
        version: keyed_hash(keys[version], phone.encode()) for version in sorted(keys, reverse=True)
    }


def person_versions(connection: psycopg.Connection[Any]) -> dict[int, int]:
    """How many persons are hashed with each key."""
    counted = connection.execute(
        "select coalesce(key_version, %s), count(*) from sys_customers_mst group by 1",
        [OLDEST_KEY],
    ).fetchall()
    return dict(counted)
