"""Every `org_*` table in the catalogue, so that a new one is judged from its first day."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from crm_saas.doctor import CHECKS
from crm_saas.doctor.canary import find_open_doors
from crm_saas.doctor.checks import Check
from crm_saas.kit.schema import tenant_tables
from crm_saas.kit.settings import Settings
from factories.canaries import plant_everywhere

APPEND_ONLY = {"org_events", "org_audit_seals"}


@pytest.fixture
def application(settings: Settings) -> Iterator[psycopg.Connection]:
    """A connection as the application's own role."""
    with psycopg.connect(settings.url("crm_app")) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_catalogue_is_as_it_must_be(check: Check, owner_connection: psycopg.Connection) -> None:
    with owner_connection.transaction(force_rollback=True):
        assert list(check.find(owner_connection)) == []


def test_no_way_leads_to_another_tenants_rows(
    settings: Settings, application: psycopg.Connection
) -> None:
    tenants = [plant_everywhere(settings, uuid4()) for _ in range(2)]
    tables = tenant_tables(application)
    assert len(tables) >= 9

    doors = [
        door
        for t in tenants
        for table in tables
        for door in find_open_doors(t.on(application), table)
    ]

    assert doors == []


def test_without_a_tenant_every_statement_is_an_error(
    settings: Settings, application: psycopg.Connection
) -> None:
    planted = plant_everywhere(settings, uuid4())
    for table in tenant_tables(application):
        for statement in (
            f"select from {table}",
            f"select from {table} where tenant_org_id = '{planted.tenant_id}'",
            f"update {table} set id = id",
            f"delete from {table}",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
                application.execute(statement.encode())
            assert refused.value.sqlstate == "42501"
            application.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            planted.on(application).insert(table, planted.rows[table] | {"id": str(uuid4())})
        application.rollback()


@pytest.mark.parametrize("statement", ["update {} set id = id", "delete from {}"])
def test_what_is_append_only_cannot_be_changed_by_its_own_tenant(
    settings: Settings, application: psycopg.Connection, statement: str
) -> None:
    planted = plant_everywhere(settings, uuid4())
    for table in APPEND_ONLY:
        application.execute("select set_request_scope(%s, 'all', null, '{}')", [planted.tenant_id])
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            application.execute(statement.format(table).encode())
        application.rollback()


def test_no_role_may_truncate(settings: Settings, application: psycopg.Connection) -> None:
    for table in tenant_tables(application):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute(f"truncate {table} cascade".encode())
        application.rollback()


def test_a_permissive_policy_added_by_mistake_opens_nothing(
    settings: Settings, owner_connection: psycopg.Connection, application: psycopg.Connection
) -> None:
    planted = plant_everywhere(settings, uuid4())
    tables = tenant_tables(owner_connection)
    for table in tables:
        owner_connection.execute(
            f"create policy mistake on {table} using (true) with check (true)".encode()
        )

    assert [d for t in tables for d in find_open_doors(planted.on(application), t)] == []
