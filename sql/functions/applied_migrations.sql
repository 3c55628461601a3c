-- Which revisions the tables are at, for a process that asks whether it may serve (kit/health.py):
-- the application reads tenants' tables alone.
create or replace function applied_migrations() returns setof text
language plpgsql
stable
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return query select v.version_num::text from alembic_version v;
end
$$;

revoke all on function applied_migrations() from public;
grant execute on function applied_migrations() to crm_app, crm_platform;
