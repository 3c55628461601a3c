-- The open sessions of one person, newest first.
create or replace function list_staff_sessions(wanted_staff_id uuid)
returns table (
    id uuid,
    created_at timestamptz,
    expires_at timestamptz,
    address text,
    user_agent text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select s.id, s.created_at, s.expires_at, s.address, s.user_agent
    from sys_staff_sessions s
    where s.staff_id = wanted_staff_id
        and s.revoked_at is null
        and s.expires_at > now()
    order by s.id desc
    limit 100;
end
$$;
revoke all on function list_staff_sessions(uuid) from public;
grant execute on function list_staff_sessions(uuid) to crm_app;
