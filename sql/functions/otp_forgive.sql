-- Gives back the attempt that a right code took, in the transaction of that attempt: a request that
-- dies afterwards can be made again.
create or replace function otp_forgive(tenant uuid, phone bytea, challenge uuid) returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'another tenant''s codes';
    end if;
    update sys_otp_codes c
    set attempts = c.attempts - 1
    where c.phone_hash = phone
        and c.id = challenge
        and c.tenant_org_id = tenant
        and c.attempts > 0;
end
$$;

revoke all on function otp_forgive(uuid, bytea, uuid) from public;
grant execute on function otp_forgive(uuid, bytea, uuid) to crm_app;
