-- The platform-wide person behind a verified phone, made on first sight. Insert, and the look-up
-- after it whether or not it was new: both courses take the same statements.
--
-- The hashes are those of one phone under each master key, the newest first. A new person gets the
-- one under the key that the newest row has, whatever the ring of this process holds beside it, so
-- that two processes with different rings make one person of one phone. `keys rotate-master` moves
-- all of them on; its lock keeps that moment from dividing a look-up and its insert.
--
-- The first form took one hash. The API that calls it still runs when `migrate` first comes by, and
-- tables are not migrated then; it goes with the next `migrate`. What it makes has no version, which
-- means the oldest key.
do $$
begin
    if exists (
        select
        from pg_attribute
        where attrelid = to_regclass('public.sys_customers_mst')
            and attname = 'key_version'
            and not attisdropped
    ) then
        drop function if exists person_of_phone(bytea, uuid);
    end if;
end
$$;
create or replace function person_of_phone(
    wanted_hashes bytea[],
    key_versions bigint[],
    new_id uuid
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    rotation_lock constant integer := 7203412;
    place integer;
begin
    perform pg_advisory_xact_lock_shared(rotation_lock, 0);
    place := array_position(key_versions, (select max(p.key_version) from sys_customers_mst p));
    -- Before the first rotation, the oldest key: rows without a version were made with it.
    place := coalesce(place, cardinality(key_versions));
    begin
        insert into sys_customers_mst (id, phone_hash, key_version)
        select new_id, wanted_hashes[place], key_versions[place]
        where not exists (
            select from sys_customers_mst p
            where p.phone_hash = any (wanted_hashes)
                and p.phone_hash <> wanted_hashes[place]
        );
    exception
        when unique_violation then
            null;
    end;
    return (
        select p.id
        from sys_customers_mst p
        where p.phone_hash = any (wanted_hashes)
        limit 1
    );
end
$$;
revoke all on function person_of_phone(bytea[], bigint[], uuid) from public;
grant execute on function person_of_phone(bytea[], bigint[], uuid) to crm_app, crm_platform;
