-- Takes back what otp_spend counted in this same transaction, whose locks it still holds.
create or replace function otp_refund(subjects bytea[], kinds text[], window_seconds integer[])
returns void
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    wanted record;
    started timestamptz;
begin
    for wanted in
        select u.subject, u.kind, u.seconds
        from unnest(subjects, kinds, window_seconds) as u(subject, kind, seconds)
        order by u.subject, u.kind
    loop
        started := otp_window_start(wanted.seconds);
        update sys_otp_budgets b
        set used = b.used - 1
        where b.subject_hash = wanted.subject
            and b.kind = wanted.kind
            and b.window_start = started
            and b.used > 0;
    end loop;
end
$$;

revoke all on function otp_refund(bytea[], text[], integer[]) from public;
grant execute on function otp_refund(bytea[], text[], integer[]) to crm_app;
