"""The SQL of an import: from `org_import_rows` and from JSON into the tables, many rows at once."""

from functools import lru_cache

from sqlalchemy import TextClause, text

from crm_saas.customers.models import Customer, Identifier
from crm_saas.imports.models import ImportRow
from crm_saas.kit.recordsets import record_columns

TAKE_NUMBERS = text(
    "select number, sequence from take_numbers(:tenant, 'customer', cast(:count as integer))"
)
ADDRESSES_OF_ROWS = text("""
    select r.id, r.address
    from org_import_rows r
    where r.tenant_org_id = :tenant and r.id = any(:ids) and r.address is not null
""")
_SETTLED = (
    "id", "outcome", "customer_id", "customer_number", "customer_version", "address_id", "former",
    "problems",
)  # fmt: skip
SETTLE = text(f"""
    update org_import_rows r
    set {", ".join(f"{name} = v.{name}" for name in _SETTLED if name != "id")}
    from json_to_recordset(cast(:rows as json)) as v({record_columns(ImportRow, _SETTLED)})
    where r.tenant_org_id = :tenant and r.id = v.id
""")  # noqa: S608 - names of columns, here and below
_CLAIM = ("id", "kind", "value", "customer_id")
ADD_CLAIMS = text(f"""
    insert into org_customer_identifiers (tenant_org_id, id, kind, value, customer_id)
    select :tenant, v.id, v.kind, v.value, v.customer_id
    from json_to_recordset(cast(:rows as json)) as v({record_columns(Identifier, _CLAIM)})
    returning id
""")  # noqa: S608
DROP_CLAIMS = text(f"""
    delete from org_customer_identifiers i
    using json_to_recordset(cast(:rows as json)) as v({record_columns(Identifier, _CLAIM[1:])})
    where i.tenant_org_id = :tenant
        and i.kind = v.kind
        and i.value = v.value
        and i.customer_id = v.customer_id
    returning i.id, i.customer_id
""")  # noqa: S608

# What a new customer has where the file says nothing.
_OTHERWISE = {
    "journey_stage": "cast(:stage as text)",
    "assigned_to": "cast(:member as uuid)",
    "team_id": "cast(:team as uuid)",
    "preferences": "cast('{}' as jsonb)",
    "custom_fields": "cast('{}' as jsonb)",
    "customer_type": "'individual'",
}
_COMPOSED = ("name", "display_name", "profile_status")
# A phone or e-mail that changes is unproved; the person behind a phone stays with the phone.
_PROVED = {
    "phone": ("phone_verified_at", "phone_verified_by", "phone_verified_how", "person_id"),
    "email_key": ("email_verified_at", "email_verified_by", "email_verified_how"),
}


@lru_cache(maxsize=100)
def insert_customers(written: tuple[str, ...]) -> TextClause:
    """New customers from their rows, with the id of the row and a number."""
    columns = sorted({*written, *_COMPOSED, *_OTHERWISE})
    values = [
        f"coalesce(v.{name}, {_OTHERWISE[name]})" if name in _OTHERWISE else f"v.{name}"
        for name in columns
    ]
    read = record_columns(Customer, columns)
    return text(f"""
        insert into org_customers_mst (
            tenant_org_id, id, customer_number, customer_seq, expires_at, {", ".join(columns)}
        )
        select :tenant, r.id, n.number, n.sequence,
            case when v.profile_status = 'guest' then cast(:expires_at as timestamptz) end,
            {", ".join(values)}
        from json_to_recordset(cast(:numbered as json)) as n(id uuid, number text, sequence bigint)
        join org_import_rows r on r.tenant_org_id = :tenant and r.id = n.id
        cross join jsonb_to_record(r.columns || r.composed) as v({read})
        order by n.sequence
        returning id
    """)  # noqa: S608


@lru_cache(maxsize=100)
def update_customers(columns: tuple[str, ...]) -> TextClause:
    """Customers as the rows have them, each with all of these columns."""
    assigned = [f"{name} = v.{name}" for name in columns]
    for claimed, proofs in _PROVED.items():
        if claimed in columns:
            assigned += [
                f"{name} = case when v.{claimed} is not distinct from c.{claimed} then c.{name} end"
                for name in proofs
            ]
    return text(f"""
        update org_customers_mst c
        set {", ".join(assigned)}, version = c.version + 1, updated_at = now()
        from json_to_recordset(cast(:rows as json)) as v(
            id uuid, {record_columns(Customer, columns)}
        )
        where c.tenant_org_id = :tenant and c.id = v.id
        returning c.id, c.version
    """)  # noqa: S608
