-- The answer to an earlier request with this key, if there is one, for who may now be the only one
-- to run with it: one row, with `locked` false while another request has the key.
-- No row for no tenant, which is whom the statement meets that was sent along with a credential
-- and for a caller who is refused (begin_with_key.sql): nothing is locked, and nothing told.
-- `lock_number` is a keyed hash that nobody can work out; whose key it is, is mixed in here, where
-- the principal is what the database has authenticated.
create or replace function claim_idempotency_key(
    tenant uuid,
    lock_number bigint,
    wanted_principal text,
    wanted_route text,
    wanted_key text
) returns table (
    locked boolean,
    id uuid,
    request_hash bytea,
    status integer,
    headers jsonb,
    body bytea,
    late jsonb
)
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
declare
    stored org_idempotency_keys%rowtype;
begin
    if tenant is null then
        return;
    end if;
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'another tenant''s keys';
    end if;
    -- First, and in a statement of its own: what is read then includes what the last holder stored.
    lock_number := lock_number # hashtextextended(wanted_principal, 0);
    if pg_try_advisory_xact_lock(lock_number) then
        locked := true;
        select *
        into stored
        from org_idempotency_keys k
        where k.tenant_org_id = tenant
            and k.principal = wanted_principal
            and k.route = wanted_route
            and k.key = wanted_key;
    else
        locked := false;
    end if;
    return query
    select locked, stored.id, stored.request_hash, stored.status, stored.headers, stored.body,
        stored.late;
end
$$;
