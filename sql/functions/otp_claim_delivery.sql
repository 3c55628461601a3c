-- Takes a sending that waits, before the provider is called; committed by then, so that a worker
-- which dies in between leaves it as `sending` and nobody sends it twice.
-- No row: taken by another, sent again since, used or expired.
create or replace function otp_claim_delivery(
    tenant uuid,
    phone bytea,
    challenge uuid,
    counter integer,
    via text
) returns table (
    sealed_phone bytea,
    code_purpose text,
    signing_key integer,
    language text,
    hidden boolean
)
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'another tenant''s codes';
    end if;
    return query
    update sys_otp_codes c
    set delivery_state = 'sending'
    where c.phone_hash = phone
        and c.id = challenge
        and c.tenant_org_id = tenant
        and c.send_counter = counter
        and c.channel = via
        and c.delivery_state = 'waiting'
        and c.verified_at is null
        and c.expires_at > now()
    returning c.phone_sealed, c.purpose, c.key_id, c.locale, c.withheld;
end
$$;

revoke all on function otp_claim_delivery(uuid, bytea, uuid, integer, text) from public;
grant execute on function otp_claim_delivery(uuid, bytea, uuid, integer, text) to crm_app;
