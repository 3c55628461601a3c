-- Opens a session after the password was checked, forgets the failed attempts on the account, and
-- gives this one back to the address, which may be a whole office's.
-- The rows are taken in the order of begin_log_in().
create or replace function open_staff_session(
    wanted_staff_id uuid,
    new_session_id uuid,
    new_token_hash bytea,
    ends_at timestamptz,
    from_address text,
    from_user_agent text
) returns table (staff_name text, tenant_slugs text[])
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
declare
    person sys_staff_mst%rowtype;
begin
    select * into strict person from sys_staff_mst p where p.id = wanted_staff_id;
    insert into sys_staff_sessions (id, staff_id, token_hash, created_at, expires_at, address, user_agent)
    values (new_session_id, person.id, new_token_hash, now(), ends_at, from_address, from_user_agent);
    delete from sys_log_in_attempts a
    where a.name_hash = sha256(convert_to('email:' || person.email_key, 'utf8'));
    update sys_log_in_attempts a
    set attempts = a.attempts - 1
    where a.name_hash = sha256(convert_to('address:' || coalesce(from_address, ''), 'utf8'))
        and a.attempts > 0;
    return query
    select
        person.name,
        coalesce(
            array(
                select t.slug
                from sys_staff_tenants m
                join sys_tenants_mst t on t.id = m.tenant_org_id
                where m.staff_id = person.id
                    and t.status = 'active'
                order by t.slug
            ),
            '{}'
        );
end
$$;
revoke all on function open_staff_session(uuid, uuid, bytea, timestamptz, text, text) from public;
grant execute on function open_staff_session(uuid, uuid, bytea, timestamptz, text, text) to crm_app;
