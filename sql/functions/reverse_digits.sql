-- A suffix of a phone is a prefix of this, which a plain index finds under row-level security.
create or replace function reverse_digits(phone text)
returns text
language sql
immutable
strict
parallel safe
return reverse(regexp_replace(phone, '[^0-9]', '', 'g'));
