-- Locks phones and e-mails until the transaction ends and tells who holds them; a customer whom the
-- caller may not see has neither number nor name. `claims` have kind and value, and `locks` the
-- numbers of their locks, both in the one order that everybody takes them in. The locks make racing
-- tills queue up instead of failing on the unique constraint, which stays the last word.
create or replace function lock_claims(tenant uuid, locks bigint[], claims jsonb)
returns table (
    kind text,
    value text,
    identifier_id uuid,
    customer_id uuid,
    customer_number text,
    display_name text
)
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
declare
    lock_number bigint;
    claim org_customer_identifiers%rowtype;
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'another tenant''s claims';
    end if;
    foreach lock_number in array locks loop
        perform pg_advisory_xact_lock(lock_number);
    end loop;
    -- Statements of their own: they see what was committed while the locks were waited for.
    for claim in select * from jsonb_populate_recordset(null::org_customer_identifiers, claims)
    loop
        return query
        select i.kind, i.value, i.id, i.customer_id, c.customer_number, c.display_name
        from org_customer_identifiers i
        left join org_customers_mst c
            on c.tenant_org_id = tenant
            and c.id = i.customer_id
        where i.tenant_org_id = tenant
            and i.kind = claim.kind
            and i.value = claim.value;
    end loop;
end
$$;
