-- The form in which names are compared, searched and sorted: one spelling for what people
-- type in several. Stored generated columns and trigram indexes hold its result, so a change
-- here means rewriting them. customers/folding.py is its twin; a test holds the two together.
--
-- Only pg_catalog is used and every collation is named: the result depends neither on
-- search_path nor on the collation of the column. No set clause, which would cost more
-- than the work itself.
create or replace function fold_text(value text)
returns text
language plpgsql
immutable
strict
parallel safe
as $$
declare
    folded text;
begin
    if octet_length(value) = length(value) then
        -- Plain ASCII, most of what Latin names are: a fifth of the time.
        folded := lower(value collate "C");
    else
        -- NFKD takes accents, hamza and madda off their letters and unfolds ligatures,
        -- Arabic presentation forms and full-width letters.
        folded := lower(normalize(value, nfkd) collate "default");
        folded := regexp_replace(
            folded collate "C",
            '['
            || '\u00AD\u061C\u180E\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFE00-\uFE0F\uFEFF' -- zero width, bidi
            || '\u0300-\u036F\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20FF\uFE20-\uFE2F' -- Latin marks
            || '\u0610-\u061A\u064B-\u065F\u0670' -- tashkeel, hamza and madda as marks
            || '\u06D6-\u06DC\u06DF-\u06E4\u06E7\u06E8\u06EA-\u06ED\u08D3-\u08FF' -- Quranic marks
            || '\u0621\u0640\u0674' -- bare hamza, tatweel, high hamza
            || ']+',
            '',
            'g'
        );
        folded := translate(
            folded,
            E'\u0671\u0672\u0673' -- alef wasla, wavy alefs
            || E'\u0649\u06CC\u06D2' -- alef maqsura, Persian yeh, yeh barree
            || E'\u0629\u06C1\u06BE\u06D5' -- ta marbuta, Urdu and Kurdish heh
            || E'\u06A9' -- Persian kaf
            || E'\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669'
            || E'\u06F0\u06F1\u06F2\u06F3\u06F4\u06F5\u06F6\u06F7\u06F8\u06F9'
            || E'\u00F8\u0142\u0111\u0127\u0131\u00F0\u03C2' -- ø ł đ ħ ı ð, final sigma
            || E'\u2018\u2019\u02BC\u2010\u2012\u2013\u2014', -- apostrophes, hyphens
            E'\u0627\u0627\u0627'
            || E'\u064A\u064A\u064A'
            || E'\u0647\u0647\u0647\u0647'
            || E'\u0643'
            || '0123456789'
            || '0123456789'
            || E'oldhid\u03C3'
            || '''''''----'
        );
        folded := replace(folded, E'\u00DF', 'ss');
        folded := replace(folded, E'\u00E6', 'ae');
        folded := replace(folded, E'\u0153', 'oe');
        folded := replace(folded, E'\u00FE', 'th');
    end if;
    -- Controls count as spaces; NFKD made spaces of most of the others.
    return btrim(
        regexp_replace(folded collate "C", '[\u0001-\u0020\u007F-\u009F\u1680\u2028\u2029]+', ' ', 'g')
    );
end
$$;

comment on function fold_text(text) is 'One spelling for search, sorting and comparison, in both scripts';
