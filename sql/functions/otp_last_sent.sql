-- When a code of this tenant was last sent to the phone; null if none is remembered.
create or replace function otp_last_sent(tenant uuid, phone bytea) returns timestamptz
language plpgsql
stable
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'another tenant''s codes';
    end if;
    return (
        select max(c.last_sent_at)
        from sys_otp_codes c
        where c.phone_hash = phone
            and c.tenant_org_id = tenant
    );
end
$$;

revoke all on function otp_last_sent(uuid, bytea) from public;
grant execute on function otp_last_sent(uuid, bytea) to crm_app;
