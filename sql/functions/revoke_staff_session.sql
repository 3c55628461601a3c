-- Ends a session of this person; false when there is no such open session.
create or replace function revoke_staff_session(wanted_staff_id uuid, wanted_session_id uuid)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    update sys_staff_sessions s
    set revoked_at = now()
    where s.id = wanted_session_id
        and s.staff_id = wanted_staff_id
        and s.revoked_at is null;
    return found;
end
$$;
revoke all on function revoke_staff_session(uuid, uuid) from public;
grant execute on function revoke_staff_session(uuid, uuid) to crm_app;
