-- Puts one job for each tenant into the queue, with the transaction of the caller. For the owner
-- alone: enqueue_job() and enqueue_job_for_tenants() decide who may, and call this.
-- The queue is named for the slice, so that a worker can be kept for one slice's jobs.
create or replace function defer_tenant_jobs(
    tenants uuid[],
    job_name text,
    arguments jsonb,
    delay_seconds integer,
    job_priority integer,
    lock_name text
) returns bigint[]
language plpgsql
set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    -- One dot: Procrastinate's own tasks, which no tenant may start, have more.
    if job_name is null or job_name !~ '^[a-z][a-z_]{0,59}\.[a-z][a-z_]{0,59}$' then
        raise invalid_parameter_value using
            message = 'a job is named slice.verb, in small letters';
    end if;
    if arguments is null or jsonb_typeof(arguments) <> 'object' or arguments ? 'tenant_id' then
        raise invalid_parameter_value using
            message = 'the arguments of a job are an object without tenant_id';
    end if;
    if octet_length(arguments::text) > 4096 then
        raise program_limit_exceeded using
            message = 'the arguments of a job are too large',
            hint = 'Pass ids, and let the job read the rows: 4096 bytes are allowed.';
    end if;
    if delay_seconds is null or delay_seconds not between 0 and 31622400 then
        raise invalid_parameter_value using message = 'a job waits a year at most';
    end if;
    if job_priority is null or job_priority not between -100 and 100 then
        raise invalid_parameter_value using message = 'a priority is between -100 and 100';
    end if;
    if length(lock_name) > 100 then
        raise invalid_parameter_value using message = 'a lock''s name has 100 letters at most';
    end if;
    return procrastinate_defer_jobs_v1(
        array(
            select row(
                split_part(job_name, '.', 1),
                job_name,
                job_priority,
                -- A tenant's locks are its own: another's cannot hold its jobs up.
                tenant || ':' || lock_name,
                null,
                arguments || jsonb_build_object('tenant_id', tenant),
                case when delay_seconds > 0 then now() + make_interval(secs => delay_seconds) end
            )::procrastinate_job_to_defer_v1
            from unnest(tenants) as tenant
        )
    );
end
$$;

revoke all on function defer_tenant_jobs(uuid[], text, jsonb, integer, integer, text) from public;
