-- Takes one attempt of the open challenge, before anybody compares the code: one statement, whose
-- row lock lasts until the transaction ends, so that parallel guesses never buy a fourth.
-- No row: nothing open, expired, or no attempts left.
create or replace function otp_attempt(
    tenant uuid,
    phone bytea,
    code_purpose text,
    attempts_max integer
) returns table (challenge_id uuid, signing_key integer, counter integer)
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
    set attempts = c.attempts + 1
    where c.phone_hash = phone
        and c.tenant_org_id = tenant
        and c.purpose = code_purpose
        and c.verified_at is null
        and c.expires_at > now()
        and c.attempts < attempts_max
    returning c.id, c.key_id, c.send_counter;
end
$$;

revoke all on function otp_attempt(uuid, bytea, text, integer) from public;
grant execute on function otp_attempt(uuid, bytea, text, integer) to crm_app;
