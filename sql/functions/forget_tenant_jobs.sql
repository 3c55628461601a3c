-- Takes the jobs of a tenant that is being deleted out of the queue; says how many. One that a
-- worker has in its hands stays, and is refused when it asks for its tenant.
create or replace function forget_tenant_jobs(tenant uuid) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    forgotten bigint;
begin
    if tenant is distinct from public.current_tenant() then
        raise insufficient_privilege using message = 'another tenant''s jobs';
    end if;
    delete from procrastinate_jobs j
    where j.args ->> 'tenant_id' = tenant::text
        and j.status <> 'doing';
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;

revoke all on function forget_tenant_jobs(uuid) from public;
grant execute on function forget_tenant_jobs(uuid) to crm_platform;
