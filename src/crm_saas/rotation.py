"""`crm-saas keys rotate-master`: moves what is stored to the newest master key, while it is served.

Run it once every process has the new key. It may be cut off and run again at any time; a second run
finds nothing to do.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
import psycopg

from crm_saas.access.queued import queued_versions, seal_queued_again
from crm_saas.audit.renewing import head_versions, renew_heads
from crm_saas.customers.persons import move_persons, person_versions
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.sealed import seal_again, versions_of
from crm_saas.kit.settings import Role, Settings, SettingsError
from crm_saas.wiring import SEALED_COLUMNS

Progress = Callable[[str, int], None]

_CODES = """
    select to_char(max(expires_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    from sys_otp_codes
    where key_id = %s and expires_at > now() and consumed_at is null
"""


class OldKey(msgspec.Struct, rename="camel"):
    """A key of the ring that is not the newest: why it has to stay, if it has to."""

    version: int
    needed_by: list[str]


class Rotation(msgspec.Struct, rename="camel"):
    newest: int
    moved: dict[str, int]
    old_keys: list[OldKey]
    missing_keys: list[OldKey]
    """What something stored needs and CRM_MASTER_KEYS does not have."""


def rotate_master(settings: Settings, progress: Progress = lambda *_: None) -> Rotation:
    """Raises SettingsError when something stored was made with a newer key than the ring's: it
    would be taken back to an old one."""
    ring = KeyRing.from_settings(settings)
    _refuse_newer_keys(ring, keys_in_use(settings))
    moved: dict[str, int] = {}
    with _connection(settings, "crm_platform") as platform:
        for column in SEALED_COLUMNS:
            name = str(column)
            moved[name] = seal_again(platform, ring, column, partial(progress, name))
        persons = move_persons(platform, ring, partial(progress, "sys_customers_mst"))
        moved["sys_customers_mst.phone_hash"] = persons.found
        moved["persons whom no customer's phone leads to"] = persons.retired
        moved["org_audit_heads.mac"] = renew_heads(platform, ring)
    with _connection(settings, "crm_worker") as queue:
        moved["addresses in the queue"] = seal_queued_again(queue, ring)
    needed = keys_in_use(settings)
    return Rotation(
        newest=ring.current,
        moved=moved,
        old_keys=[
            OldKey(version, needed.get(version, []))
            for version in sorted(ring.masters)
            if version != ring.current
        ],
        missing_keys=[
            OldKey(version, reasons)
            for version, reasons in sorted(needed.items())
            if version not in ring.masters
        ],
    )


def keys_in_use(settings: Settings) -> dict[int, list[str]]:
    """For each key, what would be lost without it."""
    ring = KeyRing.from_settings(settings)
    needed: dict[int, list[str]] = {}
    with _connection(settings, "crm_platform") as platform:
        counts: dict[str, Any] = {
            f"rows of {column}": versions_of(platform, column) for column in SEALED_COLUMNS
        }
        counts["persons in sys_customers_mst"] = person_versions(platform)
        counts["heads of audit chains"] = head_versions(platform)
        for version in ring.masters:
            until = platform.execute(_CODES, [version]).fetchone()
            if until and until[0] and version != ring.current:
                needed.setdefault(version, []).append(f"codes that are good until {until[0]}")
    with _connection(settings, "crm_worker") as queue:
        counts["addresses in the queue"] = queued_versions(queue)
    for what, by_version in counts.items():
        for version, rows in by_version.items():
            needed.setdefault(version, []).append(f"{rows:,} {what}")
    return needed


def _refuse_newer_keys(ring: KeyRing, needed: Mapping[int, list[str]]) -> None:
    if ring.current < max(ring.masters):
        raise SettingsError(
            f"CRM_MASTER_KEY_CURRENT holds key {max(ring.masters)} back: take it away here and in "
            "every process, and run this then."
        )
    newest = max(needed, default=0)
    if newest > ring.current:
        raise SettingsError(
            f"The newest key in CRM_MASTER_KEYS is {ring.current}, and {', '.join(needed[newest])} "
            f"were made with key {newest}: set CRM_MASTER_KEYS as the API and the worker have it."
        )


@contextmanager
def _connection(settings: Settings, role: Role) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(settings.url(role), autocommit=True, connect_timeout=10) as connection:
        yield connection
