-- Customers for the search for duplicates (merges/finding.py): at most `most` ids, unranked, of
-- those that hold something as similar as `threshold` to each of the two longest of `words`, which
-- are folded.
--
-- Runs as crm_search, whose only policy (policies/search.sql) carries tenant, scope and words:
-- under the caller's policies no trigram operator could use its index (DESIGN 2.5).
create or replace function search_candidates(tenant uuid, words text[], threshold real, most integer)
returns setof uuid
language plpgsql
security definer
rows 200
set search_path = pg_catalog, public, pg_temp
as $$
declare
    threshold_before constant text :=
        coalesce(current_setting('pg_trgm.word_similarity_threshold', true), '0.6');
    indexed text[];
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'the search names another tenant';
    end if;
    -- A word without three alphanumerics in a row has no whole trigram and would read the
    -- index from end to end.
    indexed := array(
        select word
        from unnest(words) as word
        where word ~ '[[:alnum:]]{3}'
        order by length(word) desc, word
        limit 2
    );
    if cardinality(indexed) = 0 then
        return;
    end if;

    execute format('set local app.search_similar_1 = %L', indexed[1]);
    execute format('set local app.search_similar_2 = %L', coalesce(indexed[2], indexed[1]));
    execute format('set local pg_trgm.word_similarity_threshold = %L', coalesce(threshold, 0.6));

    -- Planned anew each time: whether the index pays depends on the words.
    return query execute 'select id from org_customers_mst where tenant_org_id = $1 limit $2'
    using tenant, least(most, 200);

    -- An error needs no clean-up: the rollback that follows it takes `set local` back.
    set local app.search_similar_1 = '';
    set local app.search_similar_2 = '';
    execute format('set local pg_trgm.word_similarity_threshold = %L', threshold_before);
end
$$;

comment on function search_candidates(uuid, text[], real, integer)
is 'Ids of customers with similar words, for the search for duplicates; reads as crm_search';

-- A function's new owner needs create on the schema at that moment, and only then.
do $$
declare
    signature constant text := 'search_candidates(uuid, text[], real, integer)';
begin
    if (select proowner::regrole::text from pg_proc where oid = signature::regprocedure) <> 'crm_search' then
        execute format('grant create on schema %I to crm_search', current_schema());
        execute format('alter function %s owner to crm_search', signature);
        execute format('revoke create on schema %I from crm_search', current_schema());
    end if;
end
$$;

revoke execute on function search_candidates(uuid, text[], real, integer) from public;
grant execute on function search_candidates(uuid, text[], real, integer) to crm_app;
