-- The digits of a phone from the last to the first, so that "ends with" becomes "starts with".
create or replace function reverse_digits(phone text) returns text
language sql
immutable
strict
parallel safe
as $$
    select reverse(regexp_replace(phone, '[^0-9]', '', 'g') collate "C")
$$;
