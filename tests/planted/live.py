"""What somebody does to a live database, and the checks of `crm-saas doctor` that find it."""

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

# On a server of its own: only a superuser can grant it.
WITH_BYPASSRLS = {"start", "role powers", "canary"}
