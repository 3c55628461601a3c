"""Faults planted on a copy of the database: each is found, by the check that is there for it.

The same checks judge the catalogue in test_catalogue.py, so a fault in a migration fails there.
"""

import asyncio
import tempfile
from pathlib import Path

import psycopg
import pytest

from crm_saas.doctor import CHECKS, PLATFORM_CHECKS, examine
from crm_saas.kit.postgres.embedded import EmbeddedPostgres
from crm_saas.kit.schema import migrate
from crm_saas.kit.settings import Settings
from planted.live import FAULTS, ROLE_FAULTS, WITH_BYPASSRLS

BY_NAME = {check.name: check for check in (*CHECKS, *PLATFORM_CHECKS)}


def failures(settings: Settings) -> set[str]:
    return {found.check for found in asyncio.run(examine(settings)) if not found.ok}


def test_a_sound_database_has_no_finding(settings: Settings) -> None:
    findings = asyncio.run(examine(settings))

    assert [found for found in findings if not found.ok] == []
    assert {found.check for found in findings} == {*BY_NAME, "start", "files", "master keys"}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: " ".join(fault.split())[:60])
def test_a_fault_is_found(
    fault: str, settings: Settings, owner_connection: psycopg.Connection
) -> None:
    owner_connection.execute(fault.encode())

    assert failures(settings) == FAULTS[fault]


@pytest.mark.parametrize("fault", ROLE_FAULTS, ids=lambda fault: " ".join(fault.split())[:60])
def test_a_role_that_could_get_past_the_policies_is_found(
    fault: str, owner_connection: psycopg.Connection
) -> None:
    check = BY_NAME[ROLE_FAULTS[fault]]
    with owner_connection.transaction(force_rollback=True):
        assert list(check.find(owner_connection)) == []
        owner_connection.execute(fault.encode())
        assert list(check.find(owner_connection)) != []


def test_bypassrls_is_found() -> None:
    """On a server of its own: only a superuser can grant it, and to a role that all share."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "postgres", options={"fsync": "off"}) as server:
            settings = Settings(database_url=server.url)
            migrate(settings)
            with psycopg.connect(server.superuser_url, autocommit=True) as superuser:
                superuser.execute("alter role crm_app bypassrls")

            assert failures(settings) == WITH_BYPASSRLS


def test_examining_leaves_nothing_behind_and_waits_for_nobody(
    settings: Settings, owner_connection: psycopg.Connection
) -> None:
    before = _everything(owner_connection)
    with psycopg.connect(settings.url("crm_platform")) as busy:
        busy.execute("lock table org_teams, org_customers_mst in row exclusive mode")
        busy.execute("update sys_tenants_mst set name = name")

        assert failures(settings) == set()
        busy.rollback()

    assert _everything(owner_connection) == before


def _everything(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    """The catalogue with the versions of its rows, and how much of everything there is."""
    return connection.execute(
        """
        select 'class', c.oid::text, c.relacl::text from pg_class c where c.relpersistence <> 't'
        union all
        select 'function', p.oid::text || p.xmin::text, p.proacl::text from pg_proc p
        union all
        select 'policy', p.oid::text, p.xmin::text from pg_policy p
        union all
        select 'tenants', count(*)::text, null from sys_tenants_mst
        order by 1, 2
        """
    ).fetchall()
