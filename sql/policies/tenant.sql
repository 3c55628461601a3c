-- The policies of every `org_*` table; {table} and {current_tenant} are filled in by migrate.
-- The wrapped call is evaluated once a statement; Citus, which refuses subqueries in policies,
-- gets the bare call. The restrictive twin keeps a permissive policy added by mistake harmless.

create policy tenant_permits on {table}
as permissive
for all
to crm_app
using (tenant_org_id = {current_tenant})
with check (tenant_org_id = {current_tenant});

create policy tenant_restricts on {table}
as restrictive
for all
to crm_app
using (tenant_org_id = {current_tenant})
with check (tenant_org_id = {current_tenant});

create policy platform_permits on {table}
as permissive
for all
to crm_platform
using (true)
with check (true);

create policy dump_permits on {table}
as permissive
for select
to crm_dump
using (true);
