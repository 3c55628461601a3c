"""Faults planted on a copy of the database: each is found, by the check that is there for it.

The same checks judge the catalogue in test_catalogue.py, so a fault in a migration fails there.
"""

import asyncio
import tempfile
from pathlib import Path

import psycopg
import pytest

from crm_saas.doctor import CHECKS, PLATFORM_CHECKS, examine
from crm_saas.kit.embedded import EmbeddedPostgres
from crm_saas.kit.schema import migrate
from crm_saas.kit.settings import Settings

BY_NAME = {check.name: check for check in (*CHECKS, *PLATFORM_CHECKS)}

# What somebody does to the database: the checks that find it.
FAULTS = {
    "drop policy tenant_permits on org_teams": {"policies", "canary"},
    "drop policy tenant_restricts on org_teams": {"policies"},
    "drop policy staff_scope_restricts on org_customers_mst": {"policies"},
    "alter policy tenant_permits on org_teams using (true)": {"policies"},
    "alter policy tenant_restricts on org_teams to crm_dump": {"policies"},
    """
    drop policy tenant_restricts on org_teams;
    create policy tenant_restricts on org_teams as restrictive to crm_app
        using (tenant_org_id = (select current_tenant()));
    """: {"policies"},  # its `with check` is missing
    "create policy mistake on org_teams using (true)": {"policies"},
    """
    drop policy tenant_restricts on org_teams;
    create policy mistake on org_teams to crm_app using (true);
    """: {"policies", "canary"},
    """
    drop policy tenant_restricts on org_teams;
    drop policy tenant_permits on org_teams;
    create policy tenant_permits on org_teams to crm_app
        using (tenant_org_id = (select current_tenant())) with check (true);
    """: {"policies", "canary"},
    "alter table org_teams no force row level security": {"start", "row security"},
    "alter table org_teams disable row level security": {"start", "row security", "canary"},
    """
    create table org_new (
        tenant_org_id uuid not null,
        id uuid not null,
        primary key (tenant_org_id, id)
    );
    grant select, insert, update, delete on org_new to crm_app, crm_platform;
    """: {"start", "row security", "policies", "grants", "canary"},
    """
    create table org_new (id uuid primary key);
    alter table org_new enable row level security, force row level security;
    """: {"primary keys", "unique indexes", "policies", "grants", "canary"},
    "alter table org_members add constraint name_uq unique (email)": {"unique indexes"},
    "create unique index phone_ux on org_customers_mst (phone)": {"unique indexes"},
    """
    alter table org_teams add unique (tenant_org_id, name, id);
    create unique index id_ux on org_teams (id);
    alter table org_members
        add constraint team_fk foreign key (team_id) references org_teams (id);
    """: {"unique indexes", "foreign keys"},
    "create view all_teams as select * from org_teams": {"views", "grants"},
    "create materialized view all_teams as select * from org_teams": {"views", "grants"},
    "alter function tenant_settings(uuid) reset search_path": {"definer functions", "functions"},
    "grant execute on function tenant_settings(uuid) to public": {
        "definer functions",
        "functions",
    },
    """
    create function peek() returns bigint
    language sql
    security definer
    set search_path = pg_catalog, public, pg_temp
    return (select count(*) from public.sys_staff_mst);
    revoke all on function peek() from public;
    grant execute on function peek() to crm_app;
    """: {"functions"},
    "alter function current_tenant() immutable": {"functions"},
    """
    create or replace function current_tenant() returns uuid
    language plpgsql
    stable
    as $$ begin return gen_random_uuid(); end $$;
    """: {"functions", "canary"},
    "grant select on sys_staff_mst to crm_app": {"grants"},
    "grant select (email) on sys_staff_mst to crm_app": {"grants"},
    "grant select on org_customers_mst to public": {"grants"},
    "grant truncate on org_teams to crm_app": {"grants"},
    "grant update on org_events to crm_app": {"grants"},
    "grant select (phone) on org_customers_mst to crm_search": {"grants"},
    "revoke select on org_teams from crm_app": {"grants", "canary"},
    "grant select on jobs.procrastinate_jobs to crm_app": {"grants"},
    "alter default privileges grant select on tables to crm_app": {"default grants"},
    "grant create on schema public to crm_app": {"creators"},
    f"alter table org_teams rename constraint org_teams_name_uq to {'n' * 51}": {"names"},
}

# The same for roles, which all databases of a server share: planted in a transaction that is
# rolled back, and judged within it.
ROLE_FAULTS = {
    "alter role crm_app createrole": "role powers",
    "alter role crm_app createdb": "role powers",
    "alter role crm_platform inherit": "role powers",
    "grant crm_dump to crm_app": "role memberships",
    "grant crm_search to crm_app": "role memberships",
    """
    grant crm_app to current_user;
    grant create on schema public to crm_app;
    alter table org_teams owner to crm_app;
    """: "owners",
}


def failures(settings: Settings) -> set[str]:
    return {found.check for found in asyncio.run(examine(settings)) if not found.ok}


def test_a_sound_database_has_no_finding(settings: Settings) -> None:
    findings = asyncio.run(examine(settings))

    assert [found for found in findings if not found.ok] == []
    assert {found.check for found in findings} == {*BY_NAME, "start", "master keys"}


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

            assert failures(settings) == {"start", "role powers", "canary"}


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
