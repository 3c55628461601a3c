-- Notes what became of a sending; forward only, since callbacks come twice and out of order.
-- False: known already, overtaken, or about a sending that is no longer the row's.
create or replace function otp_report_delivery(
    tenant uuid,
    phone bytea,
    challenge uuid,
    counter integer,
    via text,
    state text,
    provider text,
    reason text
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    -- Undelivered and failed are two words for one end: the second of them is no news.
    rank constant jsonb := '{"waiting": 0, "sending": 1, "unknown": 2, "queued": 3, "sent": 4,'
        '"undelivered": 5, "failed": 5, "delivered": 6}';
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'another tenant''s codes';
    end if;
    update sys_otp_codes c
    set delivery_state = state,
        provider_id = coalesce(provider, c.provider_id),
        delivery_reason = coalesce(reason, c.delivery_reason)
    where c.phone_hash = phone
        and c.id = challenge
        and c.tenant_org_id = tenant
        and c.send_counter = counter
        and c.channel = via
        and (rank ->> state)::integer > (rank ->> c.delivery_state)::integer;
    return found;
end
$$;

revoke all on function otp_report_delivery(uuid, bytea, uuid, integer, text, text, text, text)
from public;
grant execute on function otp_report_delivery(uuid, bytea, uuid, integer, text, text, text, text)
to crm_app;
