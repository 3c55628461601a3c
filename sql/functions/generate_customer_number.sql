-- The next customer number of a tenant, such as CUST-00001.
create or replace function generate_customer_number(tenant_org_id uuid) returns text
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return (select n.number from take_numbers(tenant_org_id, 'customer', 1) as n);
end
$$;
