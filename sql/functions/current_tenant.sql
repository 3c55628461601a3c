-- The tenant of this transaction. Raises when none is set, so that a forgotten context is loud.
-- Never immutable: a cached plan would serve one tenant another's rows.
create or replace function current_tenant() returns uuid
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    -- After a transaction that set it, the variable reads '' instead of null.
    tenant constant text := nullif(current_setting('app.tenant_org_id', true), '');
begin
    if tenant is null then
        raise insufficient_privilege using
            message = 'no tenant is set in this transaction',
            hint = 'Open the transaction through kit.db with a scope.';
    end if;
    return tenant::uuid;
end
$$;
