-- Authenticates an API key and sets the scope of the transaction, in one round trip.
-- The key names its tenant; the policies then hide every other tenant's keys, so a forged tenant
-- finds nothing. No row: no such key, or one that is revoked or expired.
create or replace function begin_with_key(tenant uuid, key_hash bytea)
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
begin
    perform set_request_scope(tenant, 'own', null, '{}');
    select *
    into found_key
    from org_api_keys k
    where k.tenant_org_id = tenant
        and k.token_hash = key_hash
        and k.revoked_at is null
        and (k.expires_at is null or k.expires_at > now());
    if not found then
        return;
    end if;
    perform set_request_scope(
        tenant,
        found_key.staff_scope,
        found_key.member_id,
        case when found_key.team_id is null then '{}' else array[found_key.team_id] end
    );
    return query
    select
        found_key.id,
        found_key.kind,
        found_key.name,
        found_key.role,
        found_key.scopes,
        found_key.staff_scope,
        found_key.member_id,
        case when found_key.team_id is null then '{}'::uuid[] else array[found_key.team_id] end,
        tenant_settings(tenant);
end
$$;
