-- Leaves a log-in to be recorded in the trail of each tenant of the account (access/tasks.py).
-- An unknown e-mail has no tenants. It costs a write and the wait for the disk all the same, so
-- that the time of a refusal does not tell the two apart.
create or replace function note_log_in(wanted_email_key text, recorded boolean, arguments jsonb)
returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    tenants_max constant integer := 100;
    person uuid;
    tenants uuid[];
begin
    update sys_log_in_attempts a
    set attempts = a.attempts
    where a.name_hash = sha256(convert_to('email:' || wanted_email_key, 'utf8'));
    select p.id
    into person
    from sys_staff_mst p
    where p.email_key = wanted_email_key
        and p.status = 'active';
    tenants := array(
        select m.tenant_org_id
        from sys_staff_tenants m
        where m.staff_id = person
            and recorded
        order by m.tenant_org_id
        limit tenants_max
    );
    perform defer_tenant_jobs(
        tenants,
        'access.note_log_in',
        arguments || jsonb_build_object('staff_id', person),
        0,
        -5,
        null
    );
end
$$;
revoke all on function note_log_in(text, boolean, jsonb) from public;
grant execute on function note_log_in(text, boolean, jsonb) to crm_app;
