-- Opens a challenge, or sends again for the one that is open: a new code (the counter), three new
-- attempts, five new minutes. No row: the last sending to this phone is less than `pause` ago,
-- whatever it was for. Parallel calls for one phone wait for each other, and one of them sends.
create or replace function otp_start_challenge(
    tenant uuid,
    phone bytea,
    challenge uuid,
    code_purpose text,
    sealed_phone bytea,
    via text,
    language text,
    signing_key integer,
    hidden boolean,
    lifetime interval,
    pause interval
) returns table (challenge_id uuid, counter integer, expires timestamptz)
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'another tenant''s codes';
    end if;
    -- The unique index would stop two of one purpose only. The phone is hashed with a key already:
    -- nobody can choose one for the number of another lock (kit/locks.py).
    perform pg_advisory_xact_lock(hashtextextended(tenant::text || encode(phone, 'hex'), 0));
    -- The pause holds after a code was used, too.
    if exists (
        select
        from sys_otp_codes c
        where c.phone_hash = phone
            and c.tenant_org_id = tenant
            and c.last_sent_at > now() - pause
    ) then
        return;
    end if;
    return query
    insert into sys_otp_codes as c (
        phone_hash, id, tenant_org_id, purpose, phone_sealed, channel, locale, key_id,
        send_counter, attempts, withheld, delivery_state, last_sent_at, expires_at
    )
    values (
        phone, challenge, tenant, code_purpose, sealed_phone, via, language, signing_key,
        0, 0, hidden, 'waiting', now(), now() + lifetime
    )
    on conflict (phone_hash, tenant_org_id, purpose) where verified_at is null do update
    set phone_sealed = excluded.phone_sealed,
        channel = excluded.channel,
        locale = excluded.locale,
        key_id = excluded.key_id,
        send_counter = c.send_counter + 1,
        attempts = 0,
        withheld = excluded.withheld,
        delivery_state = 'waiting',
        provider_id = null,
        delivery_reason = null,
        last_sent_at = excluded.last_sent_at,
        expires_at = excluded.expires_at
    where c.last_sent_at <= now() - pause
    returning c.id, c.send_counter, c.expires_at;
end
$$;

revoke all on function otp_start_challenge(
    uuid, bytea, uuid, text, bytea, text, text, integer, boolean, interval, interval
) from public;
grant execute on function otp_start_challenge(
    uuid, bytea, uuid, text, bytea, text, text, integer, boolean, interval, interval
) to crm_app;
