-- Removes budgets whose window ended; the longest is a day. They outlive the codes they count.
create or replace function cleanup_otp_budgets() returns bigint
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    removed bigint;
begin
    delete from sys_otp_budgets b
    where b.window_start < now() - interval '2 days';
    get diagnostics removed = row_count;
    return removed;
end
$$;

revoke all on function cleanup_otp_budgets() from public;
grant execute on function cleanup_otp_budgets() to crm_platform;
