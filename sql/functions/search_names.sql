-- The part of a search_text before e-mail, number and phone, which end it: names and company.
create or replace function search_names(search_text text, email_norm text, number_norm text, phone text)
returns text
language sql
immutable
parallel safe
return left(
    search_text,
    length(search_text) - length(coalesce(email_norm || ' ', '') || number_norm || coalesce(' ' || phone, ''))
);
