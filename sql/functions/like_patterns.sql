-- Words as `like` patterns, each behind `before`; what `like` would read as a wildcard is a letter.
create or replace function like_patterns(words text[], before text)
returns text[]
language sql
immutable
parallel safe
return array(
    select before || replace(replace(replace(word, '\', '\\'), '%', '\%'), '_', '\_') || '%'
    from unnest(words) with ordinality as listed (word, place)
    order by place
);
