"""A thousand ways to tamper with a trail, each by somebody who may change every row."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from assurance import Reached
from crm_saas.audit.chain import ERASABLE_COLUMNS, SEALED_COLUMNS
from crm_saas.audit.verifying import Anchor
from crm_saas.kit.settings import Settings
from factories.attackers import Attacker
from factories.database import as_role
from factories.trails import make_trail, record_events, seal, verify
from sizes import sized

TAMPERINGS = sized(short=1_000, long=5_000)
WAYS: tuple[Callable[[Attacker], str], ...] = (
    Attacker.change_a_column,
    Attacker.change_a_column,
    Attacker.change_a_column,
    Attacker.flip_a_bit,
    Attacker.rewrite_values,
    Attacker.pretend_an_erasure,
    Attacker.delete,
    Attacker.insert,
    Attacker.reorder,
    Attacker.recompute,
    Attacker.truncate,
    Attacker.replace_by_another_tenants,
)


@pytest.fixture
def trail(settings: Settings) -> tuple[UUID, UUID]:
    """Two tenants whose trails are sealed and older than what a sealing looks back."""
    one = make_trail(settings, "shop", events=9, hours_ago=48)
    other = make_trail(settings, "other", events=9, hours_ago=48)
    asyncio.run(seal(settings, one, other))
    return one, other


@pytest.fixture
def platform(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(settings.url("crm_platform")) as connection:
        connection.execute("set synchronous_commit = off")
        yield connection
        connection.rollback()


def test_a_thousand_tamperings_are_found(
    settings: Settings,
    trail: tuple[UUID, UUID],
    platform: psycopg.Connection[Any],
    reached: Reached,
) -> None:
    one, other = trail
    sound = verify(platform, settings, one)
    assert (sound.sealed, sound.faults) == (10, [])
    unfound = []
    for seed in range(TAMPERINGS):
        with platform.transaction(force_rollback=True):
            attacker = Attacker(platform, one, other, seed)
            what = WAYS[seed % len(WAYS)](attacker)
            if not verify(platform, settings, one).faults:
                unfound.append((seed, what))
    assert unfound == []
    assert verify(platform, settings, one) == sound
    reached("tamperings with the audit trail, all found", TAMPERINGS)


def test_a_trail_rolled_back_with_its_head_is_found_by_a_head_kept_elsewhere(
    settings: Settings, trail: tuple[UUID, UUID], platform: psycopg.Connection[Any]
) -> None:
    """Whoever puts everything back as it was, head and all, leaves nothing in the database."""
    one, _ = trail
    with as_role(settings) as connection:
        [old_head] = Attacker(connection, one, one, 0).rows("org_audit_heads")
    asyncio.run(record_events(settings, "shop", 3))
    asyncio.run(seal(settings, one))
    attacker = Attacker(platform, one, one, 0)
    [head] = attacker.rows("org_audit_heads")
    assert (old_head["position"], head["position"]) == (10, 13)

    gone = [row["id"] for row in attacker.rows("org_audit_seals")[10:]]
    attacker.do("delete from org_events where id = any (%s)", gone)
    attacker.do("delete from org_audit_seals where id = any (%s)", gone)
    attacker.do(
        "update org_audit_heads set position = %s, digest = %s, sealed_through = %s, mac = %s"
        " where tenant_org_id = %s",
        *(old_head[name] for name in ("position", "digest", "sealed_through", "mac")),
        one,
    )
    assert verify(platform, settings, one).faults == []
    anchor = Anchor(one, "shop", head["position"], head["digest"].hex())
    [fault] = verify(platform, settings, one, (anchor,)).faults
    assert "a head kept elsewhere says 13" in fault.what


def test_faults_say_where(
    settings: Settings, trail: tuple[UUID, UUID], platform: psycopg.Connection[Any]
) -> None:
    one, _ = trail
    attacker = Attacker(platform, one, one, 0)
    seals = attacker.rows("org_audit_seals")
    attacker.do("update org_events set actor_name = 'nobody' where id = %s", seals[3]["id"])
    attacker.do("delete from org_events where id = %s", seals[6]["id"])
    report = verify(platform, settings, one)
    assert [(fault.where, fault.what.split()[0]) for fault in report.faults] == [
        ("position 4", "the"),
        ("position 7", "the"),
    ]
    assert "altered" in report.faults[0].what
    assert "is gone" in report.faults[1].what
    assert report.sealed == 8


def test_a_chain_that_was_made_anew_says_where(
    settings: Settings, trail: tuple[UUID, UUID], platform: psycopg.Connection[Any]
) -> None:
    one, _ = trail
    attacker = Attacker(platform, one, one, 0)
    ids = [row["id"] for row in attacker.rows("org_audit_seals")]
    attacker.do("update org_events set actor_name = 'nobody' where id = %s", ids[6])
    attacker.reseal(ids, with_head=True, since=7)
    report = verify(platform, settings, one)
    assert report.faults[0].where == "position 7"
    assert "not made with the master key" in report.faults[0].what
    assert report.faults[-1].where == "head"


def test_every_column_of_an_event_is_sealed_or_erasable(
    platform: psycopg.Connection[Any],
) -> None:
    """A new one asks for a FORMAT of its own (audit/chain.py)."""
    columns = platform.execute(
        "select attname from pg_attribute where attrelid = 'org_events'::regclass"
        " and attnum > 0 and not attisdropped"
    ).fetchall()
    assert {name for (name,) in columns} == {*SEALED_COLUMNS, *ERASABLE_COLUMNS}
