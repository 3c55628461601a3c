-- The fixed window of so many seconds that this transaction began in, counted from 1970.
create or replace function otp_window_start(seconds integer) returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return to_timestamp(floor(extract(epoch from now()) / seconds) * seconds);
end
$$;
