-- The one search box (SPEC 6.1): exact, prefix or suffix, fragment, similar, until it is full.
-- Runs as the caller, whose policies hold for every row that it answers: the first two tiers need
-- only leakproof comparisons on plain indexes. The other two take ids from search_candidates and
-- read them back here.
--
-- A merged customer is found by what it was and answered by its survivor; erased ones are not.
-- tier: 1 exact, 2 prefix or suffix, 3 fragment, 4 similar. rank: 0 to 1, within the tier.
create or replace function search_customers(tenant uuid, query text, max_results integer)
returns table (customer_id uuid, tier smallint, matched text, rank real)
language plpgsql
rows 20
set search_path = pg_catalog, public, pg_temp
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
    words text[];
    candidates uuid[];
    fewest integer;
    threshold real;
    hits refcursor;
    hit_status text;
    hit_merged_into uuid;
    seen uuid[] := '{}';
    identified boolean := false;
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'the search names another tenant';
    end if;
    if query is null or folded = '' then
        return;
    end if;
    words := case
        when length(core) >= 3 then array[core]
        when digits <> '' then array[digits]
        else string_to_array(folded, ' ')
    end;

    -- Tier 5 is tier 4 once more with a lower bar.
    for step in 1..5 loop
        if step = 1 then
            open hits no scroll for
            select c.id, c.status, c.merged_into, found.matched, 1::real as rank
            from (
                select b.id, 'number' as matched, 1 as place
                from org_customers_mst b
                where b.tenant_org_id = tenant and b.number_norm = folded
                union all
                select b.id, 'number', 1
                from org_customers_mst b
                where b.tenant_org_id = tenant
                    and b.customer_seq = serial
                    and (series = '' or starts_with(b.number_norm, series))
                union all
                select i.customer_id, 'phone', 2
                from org_customer_identifiers i
                where i.tenant_org_id = tenant
                    and i.kind = 'phone'
                    and length(core) >= 7
                    and i.value = '+' || core
                union all
                -- The national form: all but a country code of one to three digits.
                (select b.id, 'phone', 2
                from org_customers_mst b
                where b.tenant_org_id = tenant
                    and length(core) >= 7
                    and not international
                    and b.phone_rev >= core_reversed
                    and b.phone_rev < core_reversed || top
                    and length(b.phone_rev) - length(core) <= 3
                limit most)
                union all
                select i.customer_id, 'email', 3
                from org_customer_identifiers i
                where i.tenant_org_id = tenant
                    and i.kind = 'email'
                    and i.value = any (array[folded, lower(btrim(query))])
                union all
                select b.id, 'email', 3
                from org_customers_mst b
                where b.tenant_org_id = tenant and b.email_norm = folded
                union all
                (select b.id, 'name', 4
                from org_customers_mst b
                where b.tenant_org_id = tenant and b.name_norm = folded
                limit most)
                union all
                (select b.id, 'name', 4
                from org_customers_mst b
                where b.tenant_org_id = tenant and b.name2_norm = folded
                limit most)
            ) as found
            join org_customers_mst c on c.tenant_org_id = tenant and c.id = found.id
            order by found.place, c.customer_seq;
        elsif step = 2 then
            open hits no scroll for
            select c.id, c.status, c.merged_into, found.matched, found.rank::real as rank
            from (
                (select b.id, 'name' as matched, length(folded)::real / length(b.name_norm) as rank
                from org_customers_mst b
                where b.tenant_org_id = tenant and b.name_norm >= folded and b.name_norm < upper_end
                order by b.name_norm
                limit most)
                union all
                (select b.id, 'name', length(folded)::real / length(b.name2_norm)
                from org_customers_mst b
                where b.tenant_org_id = tenant and b.name2_norm >= folded and b.name2_norm < upper_end
                order by b.name2_norm
                limit most)
                union all
                (select b.id, 'email', length(folded)::real / length(b.email_norm)
                from org_customers_mst b
                where b.tenant_org_id = tenant and b.email_norm >= folded and b.email_norm < upper_end
                order by b.email_norm
                limit most)
                union all
                -- Without a digit it would be everybody: 'c' begins CUST-00001 and all the others.
                (select b.id, 'number', length(folded)::real / length(b.number_norm)
                from org_customers_mst b
                where b.tenant_org_id = tenant
                    and folded ~ '[0-9]'
                    and b.number_norm >= folded
                    and b.number_norm < upper_end
                order by b.number_norm
                limit most)
                union all
                -- One or two digits begin a serial; longer runs are found as fragments.
                (select b.id, 'number', length(digits)::real / length(b.customer_seq::text)
                from generate_series(1, 5) as missing
                join org_customers_mst b
                    on b.tenant_org_id = tenant
                    and b.customer_seq >= serial * (10 ^ missing)::bigint
                    and b.customer_seq < (serial + 1) * (10 ^ missing)::bigint
                where series = '' and serial between 1 and 99
                order by b.customer_seq
                limit most)
                union all
                (select b.id, 'phone', length(core)::real / length(b.phone_rev)
                from org_customers_mst b
                where b.tenant_org_id = tenant
                    and length(core) >= 3
                    and not international
                    and b.phone_rev >= core_reversed
                    and b.phone_rev < core_reversed || top
                order by b.phone_rev
                limit most)
                union all
                (select i.customer_id, 'phone', (length(core) + 1)::real / length(i.value)
                from org_customer_identifiers i
                where i.tenant_org_id = tenant
                    and i.kind = 'phone'
                    and length(core) >= 3
                    and i.value >= '+' || core
                    and i.value < '+' || core || top
                order by i.value
                limit most)
            ) as found
            join org_customers_mst c on c.tenant_org_id = tenant and c.id = found.id
            order by found.rank desc, c.name_norm, c.customer_seq;
        elsif step = 3 or digits = '' then
            if step = 3 then
                threshold := null;
            else
                -- One wrong letter in the middle of a word changes three of its n trigrams, two
                -- letters swapped four; similarity is the shared over all of both.
                fewest := (
                    select min(cardinality(show_trgm(longest.word)))
                    from (
                        select word
                        from unnest(words) as word
                        where word ~ '[[:alnum:]]{3}'
                        order by length(word) desc, word
                        limit 2
                    ) as longest
                );
                -- Below 0.3 everything is similar, and who has found something needs no guesses.
                threshold := greatest(
                    (fewest + 1 - step)::real / (fewest - 1 + step),
                    case when cardinality(seen) > 0 then 0.5 else 0.3 end
                );
                -- The bar is inclusive, up to rounding.
                threshold := threshold - 0.001;
            end if;
            candidates := array(select * from search_candidates(tenant, words, threshold, 200));
            open hits no scroll for
            select
                c.id,
                c.status,
                c.merged_into,
                case
                    when digits <> '' and strpos(c.phone_rev, reverse(words[1])) > 0 then 'phone'
                    when digits <> '' and strpos(c.number_norm, words[1]) > 0 then 'number'
                    when fits.by_name >= fits.by_email then 'name'
                    else 'email'
                end as matched,
                (
                    case when strpos(' ' || c.search_text, ' ' || folded) > 0 then 0.3 else 0 end
                    + 0.7 * fits.by_all
                )::real as rank
            from org_customers_mst c
            cross join lateral (
                select
                    avg(word_similarity(word, c.search_text)) as by_all,
                    avg(
                        word_similarity(word, coalesce(c.name_norm, '') || ' ' || coalesce(c.name2_norm, ''))
                    ) as by_name,
                    avg(word_similarity(word, coalesce(c.email_norm, ''))) as by_email
                from unnest(words) as word
            ) as fits
            where c.tenant_org_id = tenant and c.id = any (candidates)
            order by rank desc, c.name_norm, c.customer_seq;
        else
            -- A phone with a wrong digit, or two swapped: either its last three are right or all
            -- before them. Trigrams do not tell: another number is as similar as the right one.
            exit when length(core) < 7;
            candidates := array(
                select *
                from search_candidates(tenant, array[left(core, -3)], null, 200)
            );
            open hits no scroll for
            select c.id, c.status, c.merged_into, 'phone' as matched, fits.rank
            from (
                select b.id
                from org_customers_mst b
                where b.tenant_org_id = tenant
                    and b.phone_rev >= left(core_reversed, 3)
                    and b.phone_rev < left(core_reversed, 3) || top
                union
                select unnest(candidates)
            ) as found
            join org_customers_mst c on c.tenant_org_id = tenant and c.id = found.id
            cross join lateral (
                select
                    count(*) as wrong,
                    coalesce(max(place) - min(place), 0) as spread,
                    (1 - count(*)::real / length(core))::real as rank
                from generate_series(1, length(core)) as place
                where substr(c.phone_rev, place, 1) <> substr(core_reversed, place, 1)
            ) as fits
            where fits.wrong = 1 or fits.wrong = 2 and fits.spread = 1
            order by fits.rank desc, c.customer_seq;
        end if;

        loop
            fetch hits into customer_id, hit_status, hit_merged_into, matched, rank;
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
            identified := identified
                or matched <> 'name' and step = 1
                or matched = 'number' and step = 2;
            tier := least(step, 4);
            return next;
        end loop;
        close hits;
        exit when cardinality(seen) >= most;
        -- What digits found is not helped by other people's numbers.
        exit when step = 3 and (identified or digits <> '' and cardinality(seen) > 0);
        exit when step = 4 and (digits <> '' or cardinality(seen) > 0);
    end loop;
end
$$;

comment on function search_customers(uuid, text, integer)
is 'Customers of one tenant for what was typed into the search box, best first';

revoke execute on function search_customers(uuid, text, integer) from public;
grant execute on function search_customers(uuid, text, integer) to crm_app;
