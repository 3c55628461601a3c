-- The fragment half of search_customers: at most `most` ids, unranked, of customers whose
-- search_text is like every element of `patterns`. One of them may hold several alternatives, with
-- chr(31) between them, which no folded text contains.
--
-- Runs as crm_search, whose only policy (policies/search.sql) carries tenant, scope and patterns:
-- under the caller's policies no trigram operator could use its index (DESIGN 2.5).
--
-- A GIN scan is complete before its first row is known, and of a common word that is a hundred
-- thousand rows. So the newest customers are looked through first, by windows of 16,384 serials
-- that are keys of the same index, then some older windows, then everybody. Who finds nothing in
-- the windows is rare enough for the whole.
--
-- The settings leave the planner one plan, the bitmap scan that reads the fewest rows: with or
-- without statistics, also where an import has just filled an empty table.
create or replace function search_fragments(
    tenant uuid,
    patterns text[],
    newest_serial bigint,
    is_everybody boolean,
    most integer
)
returns setof uuid
language plpgsql
security definer
rows 200
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
set enable_indexscan = off
set enable_indexonlyscan = off
set seq_page_cost = 0
set random_page_cost = 0
set cpu_tuple_cost = 100
set max_parallel_workers_per_gather = 0
set jit = off
as $$
declare
    window_bits constant integer := 14;
    -- fold_text writes ss for it, so no search_text has it and its trigrams end at once.
    nothing constant text := '%ßßß%';
    last_window constant bigint := newest_serial >> window_bits;
    wanted constant integer := least(most, 200);
    indexed text[];
    rest text[];
    windows bigint[];
    found uuid[] := '{}';
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'the search names another tenant';
    end if;
    -- Without three alphanumerics in a row, or a word's beginning, a pattern has no whole trigram
    -- and would read the index from end to end: such ones only filter.
    indexed := array(
        select pattern
        from unnest(patterns) as pattern
        where pattern <> '' and not exists (
            select
            from unnest(string_to_array(pattern, chr(31))) as alternative
            where alternative !~ '[[:alnum:]]{3}| [[:alnum:]]'
        )
        order by strpos(pattern, chr(31)) > 0 desc, length(pattern) desc, pattern
        limit 3
    );
    if cardinality(indexed) = 0 or wanted is null or wanted < 1 then
        return;
    end if;
    rest := array(select pattern from unnest(patterns) as pattern where pattern <> all (indexed));
    -- '%' fits all; beside another pattern it costs the index nothing.
    indexed := indexed || array['%', '%'];

    -- At 0 no words are in force, so that the plan which is kept was not made for some of them.
    for stage in 0..3 loop
        -- Three windows spread over the older ones are enough to meet what is common there only.
        windows := case stage
            when 1 then array[last_window, last_window - 1]
            when 2 then array(select last_window * place / 4 from generate_series(1, 3) as place)
        end;
        continue when stage in (1, 2) and (last_window is null or last_window < 8);
        -- Many alternatives in many windows are more scans than the whole tenant.
        continue when stage = 2 and strpos(indexed[1], chr(31)) > 0;
        exit when stage = 3 and not is_everybody and last_window >= 8;
        -- As one string, for its price. Citus passes the whole of it on, once for each setting.
        execute format(
            'set local app.search_windows = %L;'
            'set local app.search_recent_1 = %L;'
            'set local app.search_recent_2 = %L;'
            'set local app.search_recent_3 = %L;'
            'set local app.search_pattern_1 = %L;'
            'set local app.search_pattern_2 = %L;'
            'set local app.search_pattern_3 = %L',
            array_to_string(array(select uuid_hash_extended(tenant, w) from unnest(windows) as w), ','),
            case when stage = 3 then nothing when stage > 0 then indexed[1] else '' end,
            case when stage > 0 then indexed[2] else '' end,
            case when stage > 0 then indexed[3] else '' end,
            case when stage = 3 then indexed[1] when stage > 0 then nothing else '' end,
            case when stage > 0 then indexed[2] else '' end,
            case when stage > 0 then indexed[3] else '' end
        );
        found := found || array(
            select c.id
            from org_customers_mst c
            where c.tenant_org_id = tenant
                and c.search_text like all (rest)
                and c.id <> all (found)
            limit wanted - cardinality(found)
        );
        exit when cardinality(found) >= wanted;
    end loop;

    -- An error needs no clean-up: the rollback that follows it takes `set local` back.
    set local app.search_windows = '';
    set local app.search_recent_1 = '';
    set local app.search_recent_2 = '';
    set local app.search_recent_3 = '';
    set local app.search_pattern_1 = '';
    set local app.search_pattern_2 = '';
    set local app.search_pattern_3 = '';
    return query select unnest(found);
end
$$;

comment on function search_fragments(uuid, text[], bigint, boolean, integer)
is 'Ids found by fragments for search_customers; reads as crm_search';

-- A function's new owner needs create on the schema at that moment, and only then.
do $$
declare
    signature constant text := 'search_fragments(uuid, text[], bigint, boolean, integer)';
begin
    if (select proowner::regrole::text from pg_proc where oid = signature::regprocedure) <> 'crm_search' then
        execute format('grant create on schema %I to crm_search', current_schema());
        execute format('alter function %s owner to crm_search', signature);
        execute format('revoke create on schema %I from crm_search', current_schema());
    end if;
end
$$;

revoke execute on function search_fragments(uuid, text[], bigint, boolean, integer) from public;
grant execute on function search_fragments(uuid, text[], bigint, boolean, integer) to crm_app;
