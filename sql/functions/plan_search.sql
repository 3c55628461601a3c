-- Called within the functions of the search, each of which takes plan_cache_mode back when it ends.
--
-- They keep one plan a statement: planning would take longer than the search. While the table is
-- nearly empty all plans look alike, and one that is kept from then would later read a whole
-- tenant, until somebody analyzes the table: so until then each call is planned anew.
create or replace function plan_search()
returns void
language plpgsql
as $$
begin
    perform pg_catalog.set_config(
        'plan_cache_mode',
        case
            when pg_catalog.pg_relation_size('public.org_customers_mst') < 1048576 then 'force_custom_plan'
            else 'force_generic_plan'
        end,
        true
    );
end
$$;
