-- The roles of DESIGN 2.1. Run by the owner at every migrate, with each password in the setting
-- crm.password_<role> of the transaction.
-- Nothing here needs a superuser: CREATEROLE is enough.

do $$
declare
    wanted record;
begin
    for wanted in
        select *
        from (values
            ('crm_app', true),       -- serves requests
            ('crm_platform', true),  -- the operator's commands, across tenants
            ('crm_dump', true),      -- reads everything for a dump
            ('crm_worker', true),    -- the job queue, nothing else
            ('crm_search', false)    -- owns the search function; never logs in
        ) as role(name, login)
    loop
        if not exists (select from pg_roles where rolname = wanted.name) then
            execute format('create role %I nosuperuser nocreatedb nocreaterole noinherit nobypassrls', wanted.name);
        end if;
        if wanted.login then
            execute format(
                'alter role %I login password %L',
                wanted.name,
                current_setting('crm.password_' || wanted.name)
            );
            execute format('grant connect on database %I to %I', current_database(), wanted.name);
        end if;
    end loop;

    -- An import goes through a temporary table: COPY cannot write where row-level security holds.
    execute format('grant temporary on database %I to crm_platform', current_database());

    -- The owner hands the search function to its role, and so must be able to act as it.
    -- Since PostgreSQL 16 whoever creates a role may administer it, but not act as it.
    if not pg_has_role(
        current_user,
        'crm_search',
        case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end
    ) then
        execute format('grant crm_search to %I', current_user);
    end if;

    -- `doctor` plants canary rows as crm_platform and looks for them as crm_app, in one transaction
    -- that it rolls back. Without inheritance, crm_app's policies and rights stay off crm_platform.
    if not pg_has_role(
        'crm_platform',
        'crm_app',
        case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end
    ) then
        execute 'grant crm_app to crm_platform'
            || case
                when current_setting('server_version_num')::integer >= 160000
                    then ' with inherit false, set true'
                else ''
            end;
    end if;
end
$$;

alter role crm_app set statement_timeout = '15s';
alter role crm_app set lock_timeout = '5s';
alter role crm_app set idle_in_transaction_session_timeout = '30s';
alter role crm_worker set idle_in_transaction_session_timeout = '5min';
alter role crm_platform set lock_timeout = '30s';
alter role crm_dump set default_transaction_read_only = on;

revoke create on schema public from public;
grant usage on schema public to crm_app, crm_platform, crm_dump, crm_search;
