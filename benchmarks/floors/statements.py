"""The plain SQL of the work, which both floors run, without policies: as the superuser.

`{tenant}` and so on stand for parameters: pgbench calculates them, the framework binds them.
"""

from string import Formatter

_COLUMNS = (
    "id", "customer_number", "profile_status", "status", "journey_stage", "lifecycle",
    "customer_type", "display_name", "name", "name2", "first_name", "last_name", "honorific",
    "date_of_birth", "avatar_url", "locale", "notes", "preferences", "company_name",
    "company_size", "industry", "annual_revenue_minor", "annual_revenue_currency", "phone",
    "phone_verified_at", "phone_verified_by", "phone_verified_how", "email", "email_verified_at",
    "email_verified_by", "email_verified_how", "identity_verified_at", "identity_verified_by",
    "identity_verified_how", "customer_since", "assigned_to", "team_id", "expires_at",
    "created_at", "updated_at",
)  # fmt: skip
SELECTED = ", ".join(f"c.{name}" for name in _COLUMNS)

READ = f"""
select {SELECTED}
from org_customers_mst c
where c.tenant_org_id = {{tenant}} and c.id = {{customer}}
"""

FIND = f"""
select {SELECTED}
from org_customer_identifiers i
join org_customers_mst c on c.tenant_org_id = i.tenant_org_id and c.id = i.customer_id
where i.tenant_org_id = {{tenant}} and i.kind = 'phone' and i.value = {{phone}}
"""

PAGE = 50


def _list(condition: str, order: str) -> str:
    return f"""
select {SELECTED}
from org_customers_mst c
where c.tenant_org_id = {{tenant}}
    and c.status in ('active', 'inactive', 'blocked')
    and {condition}
order by {order}
limit {PAGE + 1}
"""


# The query of the API → the same as SQL. Pairs that docs/lists.md calls fast at any size.
LISTS = {
    "profileStatus=stub&sort=-createdAt": _list(
        "c.profile_status = 'stub'", "c.created_at desc, c.id desc"
    ),
    "journeyStage=lead&sort=-createdAt": _list(
        "c.journey_stage = 'lead'", "c.created_at desc, c.id desc"
    ),
    "customerType=business&sort=createdAt": _list(
        "c.customer_type = 'business'", "c.created_at, c.id"
    ),
}

TAKE_NUMBER = """
update org_number_counters
set last_value = last_value + 1
where tenant_org_id = {tenant} and series = 'customer'
returning last_value
"""

INSERT_CUSTOMER = """
insert into org_customers_mst (
    tenant_org_id, id, customer_number, customer_seq, profile_status, name, display_name, phone
)
values (
    {tenant}, {customer},
    'CUST-' || lpad({number}::text, greatest(5, length({number}::text)), '0'),
    {number}::bigint, 'stub', {name}, {name}, {phone}
)
returning id
"""

INSERT_IDENTIFIER = """
insert into org_customer_identifiers (tenant_org_id, id, kind, value, customer_id)
values ({tenant}, {identifier}, 'phone', {phone}, {customer})
"""

INSERT_EVENT = """
insert into org_events (
    tenant_org_id, id, kind, version, subject_table, subject_id, customer_id, actor_kind, actor_id,
    actor_name, actor_role, request_id, address, after, rows, salt, commitment
)
values (
    {tenant}, {event}, 'customer.created', 1, 'org_customers_mst', {customer}, {customer}, 'key',
    {customer}, 'bench', 'pos', {key}, '127.0.0.1', {after}::jsonb, '{{}}', '\\x00', {digest}
)
"""

INSERT_ANSWER = """
insert into org_idempotency_keys (
    tenant_org_id, id, principal, route, key, request_hash, status, headers, body
)
values (
    {tenant}, {answer}, 'bench', 'POST /api/v1/customers', {key}, {digest}, 201,
    '{{"content-type": "application/json"}}', {body}
)
"""

CREATE = (TAKE_NUMBER, INSERT_CUSTOMER, INSERT_IDENTIFIER, INSERT_EVENT, INSERT_ANSWER)


def bound(statement: str) -> str:
    """With the parameters as psycopg takes them."""
    return filled(statement, {name: f"%({name})s" for name in parameters(statement)})


def parameters(statement: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(statement) if name}


def filled(statement: str, expressions: dict[str, str]) -> str:
    return statement.format_map(expressions)
