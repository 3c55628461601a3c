-- Marks a challenge as verified, in the transaction of what the code is for. One of many parallel
-- right codes gets true: the others wait for its row and then find it verified.
-- `at_once`: the code itself is redeemed, and no proof will follow.
create or replace function otp_verify(
    tenant uuid,
    phone bytea,
    challenge uuid,
    counter integer,
    at_once boolean
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
    set verified_at = now(),
        consumed_at = case when at_once then now() end
    where c.phone_hash = phone
        and c.id = challenge
        and c.tenant_org_id = tenant
        and c.send_counter = counter
        and c.verified_at is null
        -- Its code was never sent: whoever has it guessed it.
        and not c.withheld
        and c.expires_at > now();
    return found;
end
$$;

revoke all on function otp_verify(uuid, bytea, uuid, integer, boolean) from public;
grant execute on function otp_verify(uuid, bytea, uuid, integer, boolean) to crm_app;
