-- What each role may touch; run by migrate after the tables and policies, in one transaction.

revoke all on all tables in schema public from crm_app, crm_platform, crm_dump;

do $$
declare
    tenant_table record;
    append_only constant text[] := array['org_events', 'org_audit_seals'];
    never_deleted constant text[] := array['org_audit_heads'];
begin
    for tenant_table in
        select c.oid::regclass as name
        from pg_class c
        where c.relnamespace = 'public'::regnamespace
            and c.relkind in ('r', 'p')
            and not c.relispartition
            and c.relname like 'org\_%'
    loop
        if tenant_table.name::text = any (append_only) then
            execute format('grant select, insert on %s to crm_app', tenant_table.name);
        elsif tenant_table.name::text = any (never_deleted) then
            execute format('grant select, insert, update on %s to crm_app', tenant_table.name);
        else
            execute format('grant select, insert, update, delete on %s to crm_app', tenant_table.name);
        end if;
    end loop;
end
$$;

-- The search function's role finds ids by fragments and reads nothing else.
revoke all on all tables in schema public from crm_search;
grant select (tenant_org_id, id, search_text) on org_customers_mst to crm_search;

grant select, insert, update, delete on all tables in schema public to crm_platform;
grant select on all tables in schema public to crm_dump;
