-- Called by search_customers, which takes plan_cache_mode back when it ends; the functions that it
-- calls plan as it does.
--
-- They keep one plan a statement: planning would take longer than the search. While the table is
-- nearly empty all plans look alike, and one that is kept from then would later read a whole
-- tenant, until somebody analyzes the table: so until then each call is planned anew.
--
-- On Citus the table itself is an empty shell on every node: there it is the shard of the tenant
-- that counts. A shard that lies elsewhere is planned elsewhere.
drop function if exists plan_search();

create or replace function plan_search(tenant uuid)
returns void
language plpgsql
as $$
declare
    is_distributed boolean := false;
    held regclass := 'public.org_customers_mst';
begin
    if pg_catalog.to_regclass('pg_catalog.pg_dist_partition') is not null then
        execute 'select exists (select from pg_catalog.pg_dist_partition where logicalrelid = $1)'
        into is_distributed
        using held;
    end if;
    if is_distributed then
        execute
            'select pg_catalog.to_regclass(pg_catalog.concat('
            '''public.org_customers_mst_'', pg_catalog.get_shard_id_for_distribution_column($1, $2)))'
        into held
        using held, tenant;
    end if;
    perform pg_catalog.set_config(
        'plan_cache_mode',
        case
            when pg_catalog.pg_relation_size(held) < 1048576 then 'force_custom_plan'
            else 'force_generic_plan'
        end,
        true
    );
end
$$;
