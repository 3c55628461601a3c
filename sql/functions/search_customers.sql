-- The one search box (SPEC 6.1): exact, prefix or suffix, fragment, similar, until it is full.
-- Runs as the caller, whose policies hold for every row that it answers: exact and prefix need
-- only leakproof comparisons on plain indexes. Fragments take ids from search_fragments and read
-- the rows back here; similar is the same with other spellings (search_spellings).
--
-- A merged customer is found by what it was and answered by its survivor; erased ones are not.
-- tier: 1 exact, 2 prefix or suffix, 3 fragment, 4 similar. matched: name, company, email, phone,
-- number, externalId (whole only). A larger max_results adds to the end and moves nothing, so that pages may ask for as
-- much as they show. With whole_contacts no piece of a phone or e-mail finds anybody: digit for
-- digit, the rest of a masked one could be guessed.
--
-- The settings keep one plan a statement, an index walked in order, whatever the statistics say.
drop function if exists search_customers(uuid, text, integer);

create or replace function search_customers(
    tenant uuid,
    query text,
    max_results integer,
    whole_contacts boolean default false
)
returns table (customer_id uuid, tier smallint, matched text)
language plpgsql
rows 20
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set max_parallel_workers_per_gather = 0
set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    most constant integer := least(greatest(coalesce(max_results, 20), 1), 100);
    top constant text := chr(1114111); -- sorts after every other character
    folded constant text := btrim(left(fold_text(left(query, 300)), 100));
    upper_end constant text := folded || top;
    -- Digits, where the query is nothing but a number as people write them.
    digits constant text := case
        when folded ~ '^[-0-9+(). /]+$' then regexp_replace(folded, '[^0-9]', '', 'g') else ''
    end;
    international constant boolean := folded ~ '^[( ]*\+' or digits like '00%';
    -- Without trunk zero, 00 or +. What is left may still be any run of the number.
    core constant text := ltrim(digits, '0');
    core_reversed constant text := reverse(core);
    -- The serial of a customer number, and what was typed before it: '42', '#42', 'cust-00042'.
    serial constant bigint := substring(folded from '^[^0-9+]*?0*([0-9]{1,15})$')::bigint;
    series constant text := rtrim(ltrim(substring(folded from '^[^0-9]*'), '# '), '-/ ');
    skeleton constant text := name_skeleton(folded);
    phrase text := folded;
    words text[];
    patterns text[];
    beginnings text[];
    spellings text[];
    newest_serial bigint;
    candidates uuid[];
    hits refcursor;
    hit_status text;
    hit_merged_into uuid;
    hit_is_whole boolean;
    seen uuid[] := '{}';
    is_whole boolean := false;
    is_numbered boolean := false;
    is_identified boolean := false;
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'the search names another tenant';
    end if;
    perform plan_search(tenant);
    if query is null or folded = '' then
        return;
    end if;
    words := case
        when length(core) >= 3 then array[core]
        when digits <> '' then array[digits]
        else string_to_array(folded, ' ')
    end;

    -- 4 are names that sound alike, or phones with a slip; what follows are other spellings.
    for step in 1..8 loop
        if step = 1 then
            open hits no scroll for
            select found.id, found.status, found.merged_into, found.matched, found.is_whole
            from (
                select b.id, b.status, b.merged_into, 'number' as matched, false as is_whole, 1 as place
                from org_customers_mst b
                where b.tenant_org_id = tenant and b.number_norm = folded
                union all
                select b.id, b.status, b.merged_into, 'number', false, 1
                from org_customers_mst b
                where b.tenant_org_id = tenant
                    and b.customer_seq = serial
                    and (series = '' or starts_with(b.number_norm, series))
                union all
                select c.id, c.status, c.merged_into, i.kind, true, 2
                from org_customer_identifiers i
                join org_customers_mst c on c.tenant_org_id = tenant and c.id = i.customer_id
                where i.tenant_org_id = tenant
                    and i.kind = 'phone'
                    and length(core) >= 7
                    and i.value = '+' || core
                union all
                -- The national form: all but a country code of one to three digits.
                (select b.id, b.status, b.merged_into, 'phone', length(core) >= 8, 2
                from org_customers_mst b
                where b.tenant_org_id = tenant
                    and length(core) >= 7
                    and not international
                    and b.phone_rev >= core_reversed
                    and b.phone_rev < core_reversed || top
                    and length(b.phone_rev) - length(core) <= 3
                order by b.phone_rev, b.id
                limit most)
                union all
                select c.id, c.status, c.merged_into, i.kind, true, 3
                from org_customer_identifiers i
                join org_customers_mst c on c.tenant_org_id = tenant and c.id = i.customer_id
                where i.tenant_org_id = tenant
                    and i.kind = 'email'
                    and i.value = any (array[folded, lower(btrim(query))])
                union all
                select c.id, c.status, c.merged_into, 'externalId', false, 3
                from org_customer_identifiers i
                join org_customers_mst c on c.tenant_org_id = tenant and c.id = i.customer_id
                where i.tenant_org_id = tenant
                    and i.kind = 'external'
                    and i.value = btrim(query)
                union all
                select b.id, b.status, b.merged_into, 'email', true, 3
                from org_customers_mst b
                where b.tenant_org_id = tenant and b.email_norm = folded
                union all
                (select b.id, b.status, b.merged_into, 'name', false, 4
                from org_customers_mst b
                where b.tenant_org_id = tenant and b.name_norm = folded
                order by b.id
                limit most)
                union all
                (select b.id, b.status, b.merged_into, 'name', false, 4
                from org_customers_mst b
                where b.tenant_org_id = tenant and b.name2_norm = folded
                order by b.id
                limit most)
            ) as found
            order by found.place, found.id;
        elsif step = 2 then
            open hits no scroll for
            select found.id, found.status, found.merged_into, found.matched, false as is_whole
            from (
                (select b.id, b.status, b.merged_into, 'name' as matched, 1 as place, b.name_norm as key
                from org_customers_mst b
                where b.tenant_org_id = tenant and b.name_norm >= folded and b.name_norm < upper_end
                order by b.name_norm, b.id
                limit most)
                union all
                (select b.id, b.status, b.merged_into, 'name', 1, b.name2_norm
                from org_customers_mst b
                where b.tenant_org_id = tenant and b.name2_norm >= folded and b.name2_norm < upper_end
                order by b.name2_norm, b.id
                limit most)
                union all
                (select b.id, b.status, b.merged_into, 'email', 2, b.email_norm
                from org_customers_mst b
                where b.tenant_org_id = tenant
                    and not whole_contacts
                    and b.email_norm >= folded
                    and b.email_norm < upper_end
                order by b.email_norm, b.id
                limit most)
                union all
                -- Without a digit it would be everybody: 'c' begins CUST-00001 and all the others.
                (select b.id, b.status, b.merged_into, 'number', 3, b.number_norm
                from org_customers_mst b
                where b.tenant_org_id = tenant
                    and folded ~ '[0-9]'
                    and b.number_norm >= folded
                    and b.number_norm < upper_end
                order by b.number_norm, b.id
                limit most)
                union all
                -- One or two digits begin a serial; longer runs are found as fragments.
                (select b.id, b.status, b.merged_into, 'number', 3, lpad(b.customer_seq::text, 20, '0')
                from generate_series(1, 5) as missing
                cross join lateral (
                    select n.id, n.status, n.merged_into, n.customer_seq
                    from org_customers_mst n
                    where n.tenant_org_id = tenant
                        and n.customer_seq >= serial * (10 ^ missing)::bigint
                        and n.customer_seq < (serial + 1) * (10 ^ missing)::bigint
                    order by n.customer_seq
                    limit most
                ) as b
                where series = '' and serial between 1 and 99
                order by b.customer_seq
                limit most)
                union all
                (select b.id, b.status, b.merged_into, 'phone', 4, b.phone_rev
                from org_customers_mst b
                where b.tenant_org_id = tenant
                    and not whole_contacts
                    and length(core) >= 3
                    and not international
                    and b.phone_rev >= core_reversed
                    and b.phone_rev < core_reversed || top
                order by b.phone_rev, b.id
                limit most)
                union all
                (select c.id, c.status, c.merged_into, 'phone', 5, i.value
                from (
                    select value, customer_id
                    from org_customer_identifiers
                    where tenant_org_id = tenant
                        and not whole_contacts
                        and kind = 'phone'
                        and length(core) >= 3
                        and value >= '+' || core
                        and value < '+' || core || top
                    order by value
                    limit most
                ) as i
                join org_customers_mst c on c.tenant_org_id = tenant and c.id = i.customer_id
                limit most)
            ) as found
            order by found.place, found.key, found.id;
        elsif step = 4 and digits <> '' then
            -- One wrong digit, or two neighbours swapped: each number that it may have been.
            exit when whole_contacts or length(core) < 7;
            spellings := array(
                select overlay(core placing digit::text from place for 1)
                from generate_series(1, length(core)) as place, generate_series(0, 9) as digit
                where substr(core, place, 1) <> digit::text
                union
                select overlay(core placing reverse(substr(core, place, 2)) from place for 2)
                from generate_series(1, length(core) - 1) as place
                where substr(core, place, 1) <> substr(core, place + 1, 1)
            );
            open hits no scroll for
            select found.id, found.status, found.merged_into, 'phone' as matched, false as is_whole
            from (
                select c.id, c.status, c.merged_into
                from org_customer_identifiers i
                join org_customers_mst c on c.tenant_org_id = tenant and c.id = i.customer_id
                where i.tenant_org_id = tenant
                    and i.kind = 'phone'
                    and i.value = any (array(select '+' || spelling from unnest(spellings) as spelling))
                union all
                select b.id, b.status, b.merged_into
                from unnest(spellings) as spelling
                cross join lateral (
                    select n.id, n.status, n.merged_into
                    from org_customers_mst n
                    where n.tenant_org_id = tenant
                        and not international
                        and n.phone_rev >= reverse(spelling)
                        and n.phone_rev < reverse(spelling) || top
                    order by n.phone_rev, n.id
                    limit 10
                ) as b
            ) as found
            order by found.id;
        elsif step = 4 then
            continue when cardinality(words) < 2 or skeleton is null;
            -- '!' follows the space: the skeleton itself, and the same name with more in its middle.
            open hits no scroll for
            select found.id, found.status, found.merged_into, 'name' as matched, false as is_whole
            from (
                (select b.id, b.status, b.merged_into, b.name_skeleton as key
                from org_customers_mst b
                where b.tenant_org_id = tenant
                    and b.name_skeleton >= skeleton
                    and b.name_skeleton < skeleton || '!'
                order by b.name_skeleton, b.id
                limit most)
                union all
                (select b.id, b.status, b.merged_into, b.name2_skeleton
                from org_customers_mst b
                where b.tenant_org_id = tenant
                    and b.name2_skeleton >= skeleton
                    and b.name2_skeleton < skeleton || '!'
                order by b.name2_skeleton, b.id
                limit most)
            ) as found
            order by found.key, found.id;
        else
            -- A phone of 15 digits has no ten in its middle.
            continue when step = 3 and length(core) > 9;
            if step = 3 then
                newest_serial := (
                    select n.last_value
                    from org_number_counters n
                    where n.tenant_org_id = tenant and n.series = 'customer'
                );
            else
                if step = 5 then
                    spellings := search_phrases(
                        tenant, words, cardinality(seen) = 0, whole_contacts, newest_serial
                    );
                end if;
                phrase := spellings[step - 4];
                exit when phrase is null;
                words := string_to_array(phrase, ' ');
            end if;
            patterns := like_patterns(words, '%');
            beginnings := like_patterns(words, '% ');
            candidates := array(
                select *
                from search_fragments(
                    tenant,
                    case
                        when phrase ~ '[[:alnum:]]{3}' then patterns
                        -- One or two characters begin a word.
                        when digits = '' then beginnings
                    end,
                    -- Of digits, no window holds many.
                    case when digits = '' then newest_serial end,
                    true,
                    120
                )
            );
            open hits no scroll for
            select
                c.id,
                c.status,
                c.merged_into,
                case
                    when digits <> '' and not whole_contacts and strpos(c.phone_rev, reverse(words[1])) > 0
                        then 'phone'
                    when digits <> '' and strpos(c.number_norm, words[1]) > 0 then 'number'
                    when held.names like all (patterns) then 'name'
                    when not whole_contacts and c.email_norm like all (patterns) then 'email'
                    when held.all_names like all (patterns) then case when c.company_name is null then 'name' else 'company' end
                    when held.all_names like any (patterns) then 'name'
                    when c.number_norm like any (patterns) then 'number'
                    when c.email_norm like any (patterns) then 'email'
                    else 'phone'
                end as matched,
                false as is_whole
            from org_customers_mst c
            cross join lateral (
                select
                    concat_ws(' ', c.name_norm, c.name2_norm) as names,
                    search_names(c.search_text, c.email_norm, c.number_norm, c.phone) as all_names
            ) as held
            where c.tenant_org_id = tenant
                and c.id = any (candidates)
                and (not whole_contacts or concat(held.all_names, ' ', c.number_norm) like all (patterns))
            -- The phrase as words of the name, as the beginning of one, each word as a beginning.
            order by
                strpos(concat(' ', held.all_names, ' '), concat(' ', phrase, ' ')) = 0,
                strpos(concat(' ', held.all_names), concat(' ', phrase)) = 0,
                concat(' ', c.search_text) not like all (beginnings),
                length(c.name_norm),
                c.name_norm,
                c.id;
        end if;

        loop
            fetch hits into customer_id, hit_status, hit_merged_into, matched, hit_is_whole;
            exit when not found or cardinality(seen) >= most;
            -- A survivor may itself have been merged since; twenty deep is an error, not a use.
            for depth in 1..20 loop
                exit when hit_status is distinct from 'merged';
                select c.id, c.status, c.merged_into
                into customer_id, hit_status, hit_merged_into
                from org_customers_mst c
                where c.tenant_org_id = tenant and c.id = hit_merged_into;
            end loop;
            -- Null: the survivor is outside the caller's scope.
            continue when customer_id is null
                or hit_status in ('merged', 'erased')
                or customer_id = any (seen);
            seen := seen || customer_id;
            is_whole := is_whole or hit_is_whole;
            is_numbered := is_numbered or (matched = 'number' and series <> '');
            is_identified := is_identified
                or matched <> 'name' and step = 1
                or matched = 'number' and step = 2;
            tier := least(step, 4);
            return next;
        end loop;
        close hits;
        exit when cardinality(seen) >= most;
        -- A whole phone or e-mail is nobody else's piece, nor is a number, which may begin others.
        exit when is_whole or (is_numbered and step = 2);
        exit when step = 4 and digits <> '';
        -- Who has found something needs no guesses, except at a word that others spell otherwise.
        exit when step >= 3
            and cardinality(seen) > 0
            and (is_identified or cardinality(words) > 1 or folded !~ '^[[:alpha:]]+$');
    end loop;
end
$$;

comment on function search_customers(uuid, text, integer, boolean)
is 'Customers of one tenant for what was typed into the search box, best first';

revoke execute on function search_customers(uuid, text, integer, boolean) from public;
grant execute on function search_customers(uuid, text, integer, boolean) to crm_app;
