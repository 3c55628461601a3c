-- Counts one use for each of several budgets, or for none of them: answers the budgets that are
-- exhausted, and how long their window still lasts. Rows are locked in one order (by subject and
-- kind), so that parallel calls wait for each other instead of deadlocking.
create or replace function otp_spend(
    subjects bytea[],
    kinds text[],
    window_seconds integer[],
    limits integer[]
) returns table (kind text, retry_after_seconds integer)
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
declare
    wanted record;
    started timestamptz;
    spent integer;
    exhausted boolean := false;
begin
    for wanted in
        select u.subject, u.kind, u.seconds, u.most
        from unnest(subjects, kinds, window_seconds, limits) as u(subject, kind, seconds, most)
        order by u.subject, u.kind
    loop
        started := otp_window_start(wanted.seconds);
        insert into sys_otp_budgets as b (subject_hash, kind, window_start, used)
        values (wanted.subject, wanted.kind, started, 1)
        on conflict (subject_hash, kind, window_start) do update
        set used = b.used + 1
        returning used into spent;
        if spent > wanted.most then
            exhausted := true;
            kind := wanted.kind;
            retry_after_seconds := ceil(wanted.seconds - extract(epoch from now() - started));
            return next;
        end if;
    end loop;
    if exhausted then
        perform otp_refund(subjects, kinds, window_seconds);
    end if;
end
$$;

revoke all on function otp_spend(bytea[], text[], integer[], integer[]) from public;
grant execute on function otp_spend(bytea[], text[], integer[], integer[]) to crm_app;
