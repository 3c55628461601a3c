-- Puts a job into the queue for each of these tenants, except where the same job with the same
-- arguments waits or runs already; says how many. For periodic work over all tenants.
create or replace function enqueue_job_for_tenants(
    tenants uuid[],
    job_name text,
    arguments jsonb,
    job_priority integer
) returns integer
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    idle uuid[];
begin
    if cardinality(tenants) > 1000 then
        raise program_limit_exceeded using message = 'at most 1000 tenants at a time';
    end if;
    idle := array(
        select t.tenant
        from unnest(tenants) as t(tenant)
        where not exists (
            select
            from jobs.procrastinate_jobs j
            where j.status in ('todo', 'doing')
                and j.task_name = job_name
                -- Each comes from a trace of its own (kit/telemetry/tracing.py).
                and j.args - 'traceparent'
                    = arguments - 'traceparent' || jsonb_build_object('tenant_id', t.tenant)
        )
    );
    return coalesce(
        cardinality(defer_tenant_jobs(idle, job_name, arguments, 0, job_priority, null)),
        0
    );
end
$$;

revoke all on function enqueue_job_for_tenants(uuid[], text, jsonb, integer) from public;
grant execute on function enqueue_job_for_tenants(uuid[], text, jsonb, integer) to crm_platform;
