-- What somebody may have meant who typed words that nobody bears: at most four phrases, likelier
-- ones first. A word that somebody of the windows bears stays as it is.
create or replace function search_phrases(
    tenant uuid,
    words text[],
    is_last_resort boolean,
    whole_contacts boolean,
    newest_serial bigint
)
returns text[]
language plpgsql
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    words_max constant integer := 5;
    typed constant text := array_to_string(words, ' ');
    phrases text[] := array[typed];
    spellings text[];
    bearers uuid[];
    word text;
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'the search names another tenant';
    end if;
    if cardinality(words) > words_max then
        return '{}';
    end if;
    foreach word in array words loop
        if cardinality(words) > 1 then
            continue when length(word) < 4;
            bearers := array(
                select *
                from search_fragments(
                    tenant,
                    like_patterns(array[word], '%'),
                    newest_serial,
                    false,
                    case when whole_contacts then 200 else 1 end
                )
            );
            continue when exists (
                select
                from org_customers_mst c
                where c.tenant_org_id = tenant
                    and c.id = any (bearers)
                    and (
                        not whole_contacts
                        or strpos(search_names(c.search_text, c.email_norm, c.number_norm, c.phone), word) > 0
                    )
            );
        end if;
        spellings := search_spellings(tenant, word, 1, whole_contacts, newest_serial, is_last_resort);
        if cardinality(spellings) = 0 and is_last_resort then
            spellings := search_spellings(tenant, word, 2, whole_contacts, newest_serial, true);
        end if;
        -- It may be a rare word, and right.
        continue when cardinality(spellings) = 0;
        phrases := array(
            select btrim(replace(concat(' ', phrase, ' '), concat(' ', word, ' '), concat(' ', spelling, ' ')))
            from unnest(phrases) with ordinality as p (phrase, phrase_place)
            cross join unnest(spellings) with ordinality as s (spelling, spelling_place)
            order by phrase_place + spelling_place, phrase_place
            limit 4
        );
    end loop;
    return array_remove(phrases, typed);
end
$$;

comment on function search_phrases(uuid, text[], boolean, boolean, bigint)
is 'Other spellings of what was typed, for search_customers';

revoke execute on function search_phrases(uuid, text[], boolean, boolean, bigint) from public;
grant execute on function search_phrases(uuid, text[], boolean, boolean, bigint) to crm_app;
