"""The trigger that the whole suite relies on must itself fail what it should."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest

from crm_saas.doctor.planting import Planter
from crm_saas.kit.settings import Settings

Missing = psycopg.errors.IntegrityConstraintViolation


@pytest.fixture(params=["crm_app", "crm_platform"])
def tenant(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Planter]:
    """Rows planted as each role that writes, in the scope of one tenant."""
    tenant_id = uuid4()
    with psycopg.connect(settings.url("crm_platform")) as platform:
        Planter(platform, tenant_id).plant("sys_tenants_mst")
    with psycopg.connect(settings.url(request.param)) as connection:
        planter = Planter(connection, tenant_id)
        begin(planter)
        yield planter
        connection.rollback()


def begin(tenant: Planter) -> None:
    tenant.connection.execute("select set_request_scope(%s, 'all', null, '{}')", [tenant.tenant_id])


def commit(tenant: Planter) -> None:
    tenant.connection.commit()
    tenant.rows.clear()
    begin(tenant)


def add_team(tenant: Planter) -> UUID:
    row_id = tenant.plant("org_teams")["id"]
    tenant.rows.clear()
    return UUID(row_id)


def record(tenant: Planter, team: UUID) -> None:
    tenant.plant("org_events", {"subject_table": "org_teams", "subject_id": str(team)})
    tenant.rows.clear()


def test_a_row_with_its_record_is_saved(tenant: Planter) -> None:
    record(tenant, add_team(tenant))
    commit(tenant)


def test_the_record_may_come_first_and_name_the_row_among_others(tenant: Planter) -> None:
    team = uuid4()
    tenant.plant("org_events", {"rows": f'{{"org_teams": ["{uuid4()}", "{team}"]}}'})
    tenant.plant("org_teams", {"id": str(team)})
    commit(tenant)


def test_a_row_without_its_record_fails_at_the_commit(tenant: Planter) -> None:
    add_team(tenant)
    with pytest.raises(Missing, match=r"insert of org_teams .* without its record"):
        commit(tenant)


def test_the_record_of_another_row_is_not_its_record(tenant: Planter) -> None:
    record(tenant, add_team(tenant))
    add_team(tenant)
    with pytest.raises(Missing):
        commit(tenant)


def test_the_record_of_another_table_is_not_its_record(tenant: Planter) -> None:
    team = add_team(tenant)
    tenant.plant("org_events", {"subject_table": "org_members", "subject_id": str(team)})
    with pytest.raises(Missing):
        commit(tenant)


@pytest.mark.parametrize("change", ["update org_teams set name = 'x'", "delete from org_teams"])
def test_the_record_of_an_earlier_transaction_does_not_count(tenant: Planter, change: str) -> None:
    team = add_team(tenant)
    record(tenant, team)
    commit(tenant)
    tenant.connection.execute(f"{change} where id = '{team}'".encode())
    with pytest.raises(Missing):
        commit(tenant)


def test_a_record_outside_covers_a_savepoint(tenant: Planter) -> None:
    with tenant.connection.transaction():
        team = add_team(tenant)
    record(tenant, team)
    commit(tenant)


def test_a_record_that_was_rolled_back_covers_nothing(tenant: Planter) -> None:
    team = add_team(tenant)
    with tenant.connection.transaction(force_rollback=True):
        record(tenant, team)
    with pytest.raises(Missing):
        commit(tenant)


def test_a_row_that_was_rolled_back_needs_no_record(tenant: Planter) -> None:
    with tenant.connection.transaction(force_rollback=True):
        add_team(tenant)
    commit(tenant)
