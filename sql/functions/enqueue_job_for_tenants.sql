-- Puts a job into the queue for each of these tenants, except where the same job with the same
-- arguments waits or runs already, or was parked within the last ten minutes: what no retry can help
-- would be parked anew at every tick. Says how many. For periodic work over all tenants.
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
            where j.task_name = job_name
                -- Each comes from a trace of its own (kit/telemetry/tracing.py).
                and j.args - 'traceparent'
                    = arguments - 'traceparent' || jsonb_build_object('tenant_id', t.tenant)
                and (
                    j.status in ('todo', 'doing')
                    or j.status = 'failed'
                    and exists (
                        select
                        from jobs.procrastinate_events e
                        where e.job_id = j.id and e.at > now() - interval '10 minutes'
                    )
                )
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
