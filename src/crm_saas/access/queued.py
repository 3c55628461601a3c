"""Addresses that wait in the queue, sealed, for a log-in to be recorded (access/tasks.py)."""

from typing import Any
from uuid import UUID

import psycopg

from crm_saas.access.staff import address_aad
from crm_saas.kit.crypto import CannotDecrypt, KeyRing, decrypt, encrypt

# Those that run have read theirs; they end within a minute, or come back as one of these.
_WAITING = """
    select id, args->>'session_id', args->>'sealed_address'
    from jobs.procrastinate_jobs
    where task_name = 'access.note_log_in'
        and status in ('todo', 'failed')
        and args->>'sealed_address' is not null
    order by id
"""
_REPLACE = """
    update jobs.procrastinate_jobs
    set args = jsonb_set(args, '{sealed_address}', to_jsonb(%s::text))
    where id = %s and status in ('todo', 'failed')
"""


def seal_queued_again(queue: psycopg.Connection[Any], ring: KeyRing) -> int:
    """As crm_worker; says how many."""
    done = 0
    with queue.transaction():
        for job_id, session_id, sealed in queue.execute(_WAITING).fetchall():
            if _version(sealed) != ring.current:
                place = address_aad(UUID(session_id))
                try:
                    again = encrypt(ring, decrypt(ring, bytes.fromhex(sealed), place), place)
                except CannotDecrypt:
                    continue
                done += queue.execute(_REPLACE, [again.hex(), job_id]).rowcount
    return done


def queued_versions(queue: psycopg.Connection[Any]) -> dict[int, int]:
    counted: dict[int, int] = {}
    for _, _, sealed in queue.execute(_WAITING).fetchall():
        counted[_version(sealed)] = counted.get(_version(sealed), 0) + 1
    return counted


def _version(sealed: str) -> int:
    return int.from_bytes(bytes.fromhex(sealed[:8]), "big")
