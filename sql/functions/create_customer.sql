-- Creates a customer with its claims and its record, and keeps the answer where the request has an
-- Idempotency-Key: one call, so that the tenant's counter is locked no longer than this takes and
-- the commit that comes in the same message.
--
-- `claims` are rows of org_customer_identifiers in the order of `locks`, `typed` of
-- org_custom_values with texts not folded yet; `customer`, `event` and `answer` are rows of their
-- tables. The number is known here alone: `content`, the canonical text
-- of [before, after] that the record commits to, has `unnumbered` in its place, and so has the
-- sealed answer. No character of a number is written otherwise in JSON.
--
-- A row without a number is a holder of one of the claims; then nothing was written.
create or replace function create_customer(
    tenant uuid,
    locks bigint[],
    claims jsonb,
    customer jsonb,
    event jsonb,
    content text,
    unnumbered text,
    compare boolean,
    typed jsonb,
    answer jsonb
) returns table (
    number text,
    sequence bigint,
    created_at timestamptz,
    holder_kind text,
    holder_id uuid,
    holder_number text,
    holder_name text
)
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
declare
    claim org_customer_identifiers%rowtype;
    value org_custom_values%rowtype;
    c constant org_customers_mst%rowtype := jsonb_populate_record(null::org_customers_mst, customer);
    e constant org_events%rowtype := jsonb_populate_record(null::org_events, event);
    a constant org_idempotency_keys%rowtype := jsonb_populate_record(
        null::org_idempotency_keys, answer
    );
    taken record;
    numbered_content text;
begin
    if tenant is distinct from current_tenant() then
        raise insufficient_privilege using message = 'another tenant''s customers';
    end if;
    return query
    select null::text, null::bigint, null::timestamptz,
        h.kind, h.customer_id, h.customer_number, h.display_name
    from lock_claims(tenant, locks, claims) as h;
    if found then
        return;
    end if;
    select n.number, n.sequence into taken from take_numbers(tenant, 'customer', 1) as n;
    insert into org_customers_mst (
        tenant_org_id, id, customer_number, customer_seq, profile_status, status, journey_stage,
        lifecycle, customer_type, name, name2, first_name, last_name, display_name, honorific,
        date_of_birth, avatar_url, locale, notes, preferences, custom_fields, company_name,
        company_size, industry, annual_revenue_minor, annual_revenue_currency, phone,
        phone_verified_at, phone_verified_by, phone_verified_how, email, email_key, external_id,
        assigned_to, team_id, person_id, expires_at
    )
    values (
        tenant, c.id, taken.number, taken.sequence, c.profile_status, c.status, c.journey_stage,
        c.lifecycle, c.customer_type, c.name, c.name2, c.first_name, c.last_name, c.display_name,
        c.honorific, c.date_of_birth, c.avatar_url, c.locale, c.notes, c.preferences,
        c.custom_fields, c.company_name, c.company_size, c.industry, c.annual_revenue_minor,
        c.annual_revenue_currency, c.phone, c.phone_verified_at, c.phone_verified_by,
        c.phone_verified_how, c.email, c.email_key, c.external_id, c.assigned_to, c.team_id,
        c.person_id, c.expires_at
    );
    for claim in select * from jsonb_populate_recordset(null::org_customer_identifiers, claims)
    loop
        insert into org_customer_identifiers (tenant_org_id, id, kind, value, customer_id)
        values (tenant, claim.id, claim.kind, claim.value, c.id);
    end loop;
    -- A loop is cheaper than a join where there is nothing, as there is for most.
    for value in select * from jsonb_populate_recordset(null::org_custom_values, typed)
    loop
        insert into org_custom_values (
            tenant_org_id, id, customer_id, field_id, text_value, number_value, date_value,
            customer_created_at
        )
        values (
            tenant, value.id, c.id, value.field_id, left(fold_text(value.text_value), 500),
            value.number_value, value.date_value, now()
        );
    end loop;
    if compare then
        insert into org_customers_to_compare (tenant_org_id, id) values (tenant, c.id);
    end if;
    numbered_content := replace(content, unnumbered, taken.number);
    insert into org_events (
        tenant_org_id, id, kind, version, subject_table, subject_id, customer_id, actor_kind,
        actor_id, actor_name, actor_role, request_id, address, after, rows, salt, commitment
    )
    values (
        tenant, e.id, e.kind, e.version, e.subject_table, e.subject_id, e.customer_id,
        e.actor_kind, e.actor_id, e.actor_name, e.actor_role, e.request_id, e.address,
        numbered_content::jsonb -> 1, e.rows, e.salt,
        sha256(e.salt || convert_to(numbered_content, 'utf8'))
    );
    if answer is not null then
        insert into org_idempotency_keys (
            tenant_org_id, id, principal, route, key, request_hash, status, headers, body, late
        )
        values (
            tenant, a.id, a.principal, a.route, a.key, a.request_hash, a.status, a.headers, a.body,
            jsonb_build_object(unnumbered, taken.number)
        );
    end if;
    return query
    select taken.number, taken.sequence, now(), null::text, null::uuid, null::text, null::text;
end
$$;
