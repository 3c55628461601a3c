-- Removes codes an hour after they expired, over all tenants (SPEC 3.7); says how many.
-- The hour is longer than a proof lives, which still needs its row.
create or replace function cleanup_expired_otp_codes() returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    removed bigint;
begin
    delete from sys_otp_codes c
    where c.expires_at < now() - interval '1 hour';
    get diagnostics removed = row_count;
    return removed;
end
$$;

revoke all on function cleanup_expired_otp_codes() from public;
grant execute on function cleanup_expired_otp_codes() to crm_platform;
