-- What a mistyped word may have been: at most three words of the tenant's customers, the most
-- frequent first. `slips` 1: one letter wrong, missing or too many, or two neighbours swapped.
-- `slips` 2: any two neighbouring letters wrong, which also finds `khamis` for `khamees`.
--
-- Whatever one slip spoils, the word's two ends around it are right: that pair is a pattern which
-- the trigram index answers, and a regular expression tells what fits exactly. Similarity by
-- trigrams would have to look at everybody who shares a few, and misses most swaps.
-- Without is_everybody it looks no further than the windows of search_fragments.
create or replace function search_spellings(
    tenant uuid,
    word text,
    slips integer,
    whole_contacts boolean,
    newest_serial bigint,
    is_everybody boolean
)
returns text[]
language plpgsql
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
    letters constant integer := length(word);
    -- The letters as `like` and as a regular expression take them for themselves.
    liked constant text[] := array(
        select regexp_replace(letter, '[\\%_]', '\\\&')
        from unnest(string_to_array(word, null)) with ordinality as listed (letter, place)
        order by place
    );
    matched constant text[] := array(
        select regexp_replace(letter, '[^[:alnum:]]', '\\\&')
        from unnest(string_to_array(word, null)) with ordinality as listed (letter, place)
        order by place
    );
    start text; -- right up to the slip
    rest text; -- right again behind it
    patterns text[] := '{}';
    weak_patterns text[] := '{}';
    spellings text[] := '{}';
    candidates uuid[];
    fits text[];
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'the search names another tenant';
    end if;
    if letters not between 4 and 40 or (slips = 2 and letters < 6) then
        return '{}';
    end if;
    for place in slips..letters loop
        start := array_to_string(matched[:place - 1], '');
        spellings := spellings
            || concat(start, '[^ ]{0,', slips + 1, '}', array_to_string(matched[place + slips:], ''));
        rest := array_to_string(liked[place + slips:], '');
        if rest ~ '[[:alnum:]]{2}(?![[:alnum:]])' and letters > 4 then
            patterns := patterns || concat('% ', array_to_string(liked[:place - 1], ''), '%', rest, ' %');
        else
            weak_patterns := weak_patterns || concat('% ', array_to_string(liked[:place - 1], ''), '%', rest, ' %');
        end if;
        continue when place = letters or slips = 2 or liked[place] = liked[place + 1];
        patterns := patterns || concat(
            '% ',
            array_to_string(liked[:place - 1], ''),
            liked[place + 1],
            liked[place],
            array_to_string(liked[place + 2:], ''),
            ' %'
        );
        spellings := spellings
            || concat(start, matched[place + 1], matched[place], array_to_string(matched[place + 2:], ''));
    end loop;

    -- What is spelled so in the windows is likelier meant than what is rare. A start and one last
    -- letter fit too many to look for among everybody.
    for round in 1..2 loop
        candidates := array(
            select *
            from search_fragments(
                tenant,
                array[array_to_string(case when round = 1 then patterns || weak_patterns else patterns end, chr(31))],
                case when round = 1 then newest_serial end,
                round = 2,
                200
            )
        );
        fits := array(
            select fit.spelling[1]
            from org_customers_mst c
            cross join lateral regexp_matches(
                case
                    when whole_contacts then search_names(c.search_text, c.email_norm, c.number_norm, c.phone)
                    else c.search_text
                end,
                concat('(?:^| )(', array_to_string(spellings, '|'), ')(?= |$)'),
                'g'
            ) as fit (spelling)
            where c.tenant_org_id = tenant
                and c.id = any (candidates)
                and fit.spelling[1] <> word
            group by fit.spelling[1]
            order by count(*) desc, fit.spelling[1]
            limit 3
        );
        exit when cardinality(fits) > 0 or newest_serial < 8 << 14 or not is_everybody;
    end loop;
    return fits;
end
$$;

comment on function search_spellings(uuid, text, integer, boolean, bigint, boolean)
is 'Words of the tenant''s customers that a mistyped one may have been';

revoke execute on function search_spellings(uuid, text, integer, boolean, bigint, boolean) from public;
grant execute on function search_spellings(uuid, text, integer, boolean, bigint, boolean) to crm_app;
