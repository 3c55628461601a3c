-- What a request needs to know of its own tenant. The registry itself is closed to the application.
create or replace function tenant_settings(tenant uuid) returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'another tenant''s settings';
    end if;
    return (
        select jsonb_build_object(
            'id', t.id,
            'slug', t.slug,
            'name', t.name,
            'name2', t.name2,
            'status', t.status,
            'default_region', t.default_region,
            'default_locale', t.default_locale,
            'currency', t.currency,
            'time_zone', t.time_zone,
            'policies', t.policies
        )
        from sys_tenants_mst t
        where t.id = tenant
    );
end
$$;
revoke all on function tenant_settings(uuid) from public;
grant execute on function tenant_settings(uuid) to crm_app, crm_platform;
