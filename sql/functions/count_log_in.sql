-- Adds one to the attempts under a name and tells how many there are in the running window.
create or replace function count_log_in(wanted_name text, attempts_window interval) returns integer
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    -- No e-mail or address in clear.
    wanted_hash constant bytea := sha256(convert_to(wanted_name, 'utf8'));
    counted integer;
begin
    insert into sys_log_in_attempts as a (name_hash, window_started_at, attempts)
    values (wanted_hash, now(), 1)
    on conflict (name_hash) do update
    set attempts = case
            when a.window_started_at < now() - attempts_window then 1
            else a.attempts + 1
        end,
        window_started_at = case
            when a.window_started_at < now() - attempts_window then now()
            else a.window_started_at
        end
    returning a.attempts into counted;
    return counted;
end
$$;
revoke all on function count_log_in(text, interval) from public;
