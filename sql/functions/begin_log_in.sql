-- Counts an attempt to sign in and hands out what is needed to check the password. The attempt is
-- committed before the password is compared; a success clears the count (open_staff_session).
-- One row always: a null account when the e-mail is unknown, so that both cases look alike.
create or replace function begin_log_in(wanted_email_key text, from_address text)
returns table (staff_id uuid, password_hash text, locked boolean)
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
declare
    attempts_max constant integer := 10;
    -- A whole office may sit behind one address.
    attempts_of_address_max constant integer := 100;
    attempts_window constant interval := '15 minutes';
    by_email integer;
    by_address integer;
begin
    by_email := count_log_in('email:' || wanted_email_key, attempts_window);
    by_address := count_log_in('address:' || coalesce(from_address, ''), attempts_window);
    return query
    select
        p.id,
        p.password_hash,
        by_email > attempts_max or by_address > attempts_of_address_max
    from (select 1) as one
    left join sys_staff_mst p
        on p.email_key = wanted_email_key
        and p.status = 'active';
end
$$;
revoke all on function begin_log_in(text, text) from public;
grant execute on function begin_log_in(text, text) to crm_app;
