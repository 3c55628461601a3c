"""What the chain of seals computes (DESIGN 5.3); no database in here.

Digests are plain SHA-256, each over the one before it, so that the head's digest stands for the
whole chain. MACs with subkeys of the master key stand on both: on each seal (the tag), and on the
head. Whoever may change every row can recompute digests, but not MACs. A rotation of the master
key makes the head's MAC anew; the tags of old seals stay checkable for as long as their key is in
the ring, and the chain through the head after that.

Not in a digest: an event's `before`, `after` and `salt`. Its `commitment` stands for them, so that
the values of a person can be erased and the chain still holds.
"""

import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from crm_saas.kit.crypto import KeyRing, keyed_hash

FORMAT = 1
SEALS = "audit seals"
HEADS = "audit heads"
# Of org_events, in this order. A column to come asks for a FORMAT of its own: what is sealed
# already was sealed without it.
SEALED_COLUMNS = (
    "tenant_org_id", "id", "kind", "version", "subject_table", "subject_id", "customer_id",
    "actor_kind", "actor_id", "actor_name", "actor_role", "request_id", "address", "rows",
    "commitment", "created_at",
)  # fmt: skip
ERASABLE_COLUMNS = ("before", "after", "salt")
# Longer than any transaction lasts that records an event: an event's date is its transaction's
# start, and it becomes visible with the commit.
LOOK_BACK = timedelta(minutes=15)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def genesis(tenant_id: UUID) -> bytes:
    """What the first seal follows."""
    return sha256(b"crm_saas audit chain" + tenant_id.bytes).digest()


def seal_digest(
    previous: bytes, position: int, key_version: int, sealed_at: Any, event: Any
) -> bytes:
    """`event` maps the names of SEALED_COLUMNS to what the database gives."""
    content = msgspec.json.encode(
        [
            FORMAT,
            previous.hex(),
            position,
            key_version,
            _plain(sealed_at),
            *(_plain(event[name]) for name in SEALED_COLUMNS),
        ],
        order="sorted",
    )
    return sha256(content).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.hex() if isinstance(value, bytes) else value


def seal_tag(key: bytes, digest: bytes) -> bytes:
    return keyed_hash(key, digest)


def head_mac(
    ring: KeyRing, tenant_id: UUID, position: int, digest: bytes, through: datetime, version: int
) -> bytes:
    return keyed_hash(
        ring.subkey(HEADS, version),
        tenant_id.bytes,
        str(position).encode(),
        digest,
        through.astimezone(UTC).isoformat().encode(),
    )


def equal(one: bytes, other: bytes) -> bool:
    return hmac.compare_digest(one, other)
