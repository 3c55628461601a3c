-- The person behind a session token and the tenant that the request means: the one named by its
-- slug, or the only one. Says nothing about tenants that the person does not belong to.
create or replace function find_staff_session(session_hash bytea, tenant_slug text)
returns table (session_id uuid, staff_id uuid, staff_name text, tenant_id uuid, tenant_count bigint)
language plpgsql
stable
security definer
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select
        s.id,
        p.id,
        p.name,
        case
            when tenant_slug is null and count(t.id) = 1 then min(t.id::text)::uuid
            else (min(t.id::text) filter (where t.slug = tenant_slug))::uuid
        end,
        count(t.id)
    from sys_staff_sessions s
    join sys_staff_mst p on p.id = s.staff_id
    left join sys_staff_tenants m on m.staff_id = p.id
    left join sys_tenants_mst t on t.id = m.tenant_org_id
    where s.token_hash = session_hash
        and s.revoked_at is null
        and s.expires_at > now()
        and p.status = 'active'
    group by s.id, p.id;
end
$$;
revoke all on function find_staff_session(bytea, text) from public;
grant execute on function find_staff_session(bytea, text) to crm_app;
