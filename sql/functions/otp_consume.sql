-- Redeems the proof of a verified challenge: once, and within `lifetime` of the verification.
create or replace function otp_consume(
    tenant uuid,
    phone bytea,
    challenge uuid,
    code_purpose text,
    lifetime interval
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'another tenant''s codes';
    end if;
    update sys_otp_codes c
    set consumed_at = now()
    where c.phone_hash = phone
        and c.id = challenge
        and c.tenant_org_id = tenant
        and c.purpose = code_purpose
        and c.consumed_at is null
        and c.verified_at > now() - lifetime;
    return found;
end
$$;

revoke all on function otp_consume(uuid, bytea, uuid, text, interval) from public;
grant execute on function otp_consume(uuid, bytea, uuid, text, interval) to crm_app;
