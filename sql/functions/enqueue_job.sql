-- Puts a job for the tenant of this transaction into the queue; it commits and rolls back with the
-- transaction's data, and the worker hears of it at the commit. All that crm_app may do there;
-- crm_platform too, for what the operator's verbs leave for later.
create or replace function enqueue_job(
    tenant uuid,
    job_name text,
    arguments jsonb,
    delay_seconds integer,
    job_priority integer,
    lock_name text
) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'a job for another tenant';
    end if;
    return (
        defer_tenant_jobs(array[tenant], job_name, arguments, delay_seconds, job_priority, lock_name)
    )[1];
end
$$;

revoke all on function enqueue_job(uuid, text, jsonb, integer, integer, text) from public;
grant execute on function enqueue_job(uuid, text, jsonb, integer, integer, text) to crm_app, crm_platform;
