-- The consonants of a folded name, alike in both scripts: `Khalid bin Said Al Maamari` and
-- `خالد بن سعيد المعمري` are `Xld mmr sd`. The last word stands second, so that the name without
-- its middle is a prefix; a name of one word has no skeleton: too many would share it.
-- customers/skeletons.py is its twin; a test holds the two together. A stored generated column
-- holds its result, so a change here means rewriting it.
create or replace function name_skeleton(folded text)
returns text
language plpgsql
immutable
strict
parallel safe
as $$
declare
    name text collate "C";
    words text[];
begin
    name := translate(left(folded, 200), E'\'`\u02BE\u02BF', '');
    name := ' ' || regexp_replace(name, '[^a-z\u0621-\u064A\u067E\u0686\u0698\u06AF]+', ' ', 'g') || ' ';
    -- Abd al-Rahman, Abdul Rahman and Abdulrahman; then bin and al-, apart or grown together.
    name := regexp_replace(name, ' (abd|\u0639\u0628\u062F) ?(?:[aeu]l|\u0627\u0644) ?', ' \1', 'g');
    name := regexp_replace(
        name,
        ' (?:al|el|bin|ben|ibn|bint|\u0628\u0646|\u0627\u0628\u0646|\u0628\u0646\u062A|\u0627\u0644)(?= )',
        '',
        'g'
    );
    name := regexp_replace(
        name,
        ' (?:al(?=[bcdfghjklmnpqrstvxz][^ ]{2})|\u0627\u0644(?=[^ ]{3}))',
        ' ',
        'g'
    );
    -- Capitals are sounds of their own; every vowel, semivowel and ayn is an a.
    name := replace(name, 'kh', 'X');
    name := replace(name, 'gh', 'J');
    name := replace(name, 'sh', 'C');
    name := replace(name, 'ch', 'C');
    name := replace(name, 'th', 't');
    name := replace(name, 'dh', 'd');
    name := replace(name, 'ph', 'f');
    name := replace(name, 'x', 'ks');
    name := regexp_replace(name, ' [y\u064A]', ' Y', 'g');
    name := regexp_replace(name, ' [w\u0648]', ' W', 'g');
    name := translate(
        name,
        'gjqcvpeiouwy'
        || E'\u0628\u062A\u062B\u062C\u062D\u062E\u062F\u0630\u0631\u0632\u0633\u0634' -- beh to sheen
        || E'\u0635\u0636\u0637\u0638\u0639\u063A\u0641\u0642\u0643\u0644\u0645\u0646' -- sad to noon
        || E'\u0647\u0648\u064A\u0627\u067E\u0686\u0698\u06AF', -- heh to alef; Persian letters
        'JJkkfbaaaaaa'
        || 'bttJhXddrzsC'
        || 'sdtdaJfkklmn'
        || 'haaabCJJ'
    );
    name := regexp_replace(name, '[^A-Za-z ]', '', 'g');
    name := regexp_replace(name, '(.)\1+', '\1', 'g');
    name := translate(replace(name, ' a', ' A'), 'a', '');
    -- Ta marbuta and its h: Fatima, Fatimah.
    name := regexp_replace(name, '([^ ]{2})h(?= )', '\1', 'g');
    words := string_to_array(btrim(name), ' ');
    if cardinality(words) < 2 then
        return null;
    end if;
    return array_to_string(
        array[words[1], words[cardinality(words)]] || words[2:cardinality(words) - 1],
        ' '
    );
end
$$;

comment on function name_skeleton(text) is 'The consonants of a folded name, alike in both scripts';
