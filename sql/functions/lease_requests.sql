-- Leases a part of a subject's request budget to one process, which then counts by itself: no
-- write a request. All leases of a window together never pass `most`; each takes at most a quarter
-- of what is left, so that they shrink towards the end and little stays unused elsewhere.
-- `needed` or nothing: less would serve no request. The subject is a keyed hash, and comes first,
-- since Citus distributes by it.
create or replace function lease_requests(
    subject bytea,
    window_seconds integer,
    most integer,
    needed integer,
    wanted integer
) returns table (granted integer, unleased integer, window_number bigint, seconds_left float8)
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
declare
    now_seconds constant float8 := extract(epoch from now());
    number constant bigint := floor(now_seconds / window_seconds);
    started constant timestamptz := to_timestamp(number * window_seconds);
    free integer;
    part integer;
begin
    insert into sys_request_budgets (subject_hash, window_start, leased)
    values (subject, started, 0)
    on conflict (subject_hash, window_start) do nothing;
    select greatest(most - b.leased, 0)
    into free
    from sys_request_budgets b
    where b.subject_hash = subject
        and b.window_start = started
    for update;
    part := case when needed > free then 0 else greatest(needed, least(wanted, free / 4)) end;
    if part > 0 then
        update sys_request_budgets b
        set leased = b.leased + part
        where b.subject_hash = subject
            and b.window_start = started;
    end if;
    return query
    select part, free - part, number, (number + 1) * window_seconds - now_seconds;
end
$$;

revoke all on function lease_requests(bytea, integer, integer, integer, integer) from public;
grant execute on function lease_requests(bytea, integer, integer, integer, integer) to crm_app;
