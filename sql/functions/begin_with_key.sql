-- Authenticates an API key and sets the scope of the transaction, in one round trip.
-- The key names its tenant; the policies then hide every other tenant's keys, so a forged tenant
-- finds nothing. No row: no such key, or one that is revoked or expired.
-- What is sent together with it (kit/wire.py) must do nothing for who may not have it: the scope
-- ends here for an unknown key, a suspended tenant, and a key without the permission that is needed,
-- which `roles` have; then the next statement meets no tenant, and is refused whatever it asks.
drop function if exists begin_with_key(uuid, bytea);
create or replace function begin_with_key(
    tenant uuid,
    key_hash bytea,
    needed text default null,
    roles text[] default null
)
returns table (
    key_id uuid,
    kind text,
    name text,
    role text,
    scopes text[],
    staff_scope text,
    member_id uuid,
    team_ids uuid[],
    settings jsonb
)
language plpgsql
as $$
#variable_conflict use_column
declare
    found_key org_api_keys%rowtype;
    teams uuid[] := '{}';
    of_tenant jsonb;
begin
    -- The tenant alone: keys are not scoped by staff, and each setting has its price.
    execute format('set local app.tenant_org_id = %L', tenant);
    select *
    into found_key
    from org_api_keys k
    where k.tenant_org_id = tenant
        and k.token_hash = key_hash
        and k.revoked_at is null
        and (k.expires_at is null or k.expires_at > now());
    if not found then
        set local app.tenant_org_id = '';
        return;
    end if;
    if found_key.team_id is not null then
        teams := array[found_key.team_id];
    end if;
    of_tenant := tenant_settings(tenant);
    if of_tenant ->> 'status' <> 'active'
        or needed is not null
        and (
            found_key.role <> all (roles)
            or found_key.scopes is not null and needed <> all (found_key.scopes)
        )
    then
        set local app.tenant_org_id = '';
    else
        perform set_request_scope(tenant, found_key.staff_scope, found_key.member_id, teams);
    end if;
    return query
    select
        found_key.id,
        found_key.kind,
        found_key.name,
        found_key.role,
        found_key.scopes,
        found_key.staff_scope,
        found_key.member_id,
        teams,
        of_tenant;
end
$$;
