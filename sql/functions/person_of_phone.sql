-- The platform-wide person behind a verified phone, made on first sight. Plain insert, and the
-- look-up after it whether or not it was new: both courses take the same statements.
create or replace function person_of_phone(wanted_hash bytea, new_id uuid) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    begin
        insert into sys_customers_mst (id, phone_hash)
        values (new_id, wanted_hash);
    exception
        when unique_violation then
            null;
    end;
    return (
        select p.id
        from sys_customers_mst p
        where p.phone_hash = wanted_hash
    );
end
$$;
revoke all on function person_of_phone(bytea, uuid) from public;
grant execute on function person_of_phone(bytea, uuid) to crm_app, crm_platform;
