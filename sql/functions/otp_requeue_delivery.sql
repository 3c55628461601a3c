-- Makes a sending wait again: by the same channel after a failure that certainly sent nothing, or
-- by the next one. False: used or expired meanwhile, delivered, or moved on already.
create or replace function otp_requeue_delivery(
    tenant uuid,
    phone bytea,
    challenge uuid,
    counter integer,
    via text,
    next_via text
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
    set channel = next_via,
        delivery_state = 'waiting'
    where c.phone_hash = phone
        and c.id = challenge
        and c.tenant_org_id = tenant
        and c.send_counter = counter
        and c.channel = via
        and c.delivery_state in ('sending', 'undelivered', 'failed')
        and c.verified_at is null
        and c.expires_at > now();
    return found;
end
$$;

revoke all on function otp_requeue_delivery(uuid, bytea, uuid, integer, text, text) from public;
grant execute on function otp_requeue_delivery(uuid, bytea, uuid, integer, text, text) to crm_app;
