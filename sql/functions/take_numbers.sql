-- The next numbers of a tenant's series, without gaps: the counter's row stays locked until the
-- transaction ends, and a rollback gives the numbers back. Call it as late as can be.
create or replace function take_numbers(tenant uuid, number_series text, how_many integer)
returns table (number text, sequence bigint)
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
declare
    counter org_number_counters%rowtype;
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'another tenant''s numbers';
    end if;
    update org_number_counters c
    set last_value = c.last_value + how_many
    where c.tenant_org_id = tenant
        and c.series = number_series
    returning * into counter;
    if not found then
        raise no_data_found using message = format('no counter for the series %L', number_series);
    end if;
    return query
    select
        counter.prefix || lpad(n::text, greatest(counter.width, length(n::text)), '0'),
        n
    from generate_series(counter.last_value - how_many + 1, counter.last_value) as n;
end
$$;
