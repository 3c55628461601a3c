"""A made tenant goes into the database by COPY, as its operator would restore it."""

from collections.abc import Iterable, Sequence
from uuid import UUID, uuid4, uuid5

import psycopg

from benchmarks.duplicates.tenant import Entry
from crm_saas.backup.tables import TENANT
from crm_saas.kit.emails import email_key

_COLUMNS = (
    "tenant_org_id", "id", "customer_number", "customer_seq", "profile_status", "name", "name2",
    "display_name", "date_of_birth", "company_name", "phone", "email", "email_key",
)  # fmt: skip
_ADDRESS_COLUMNS = (
    "tenant_org_id", "id", "customer_id", "type", "building", "street", "area", "city", "country",
    "pending_since",
)  # fmt: skip
_EVENT_COLUMNS = (
    "tenant_org_id", "id", "kind", "version", "subject_table", "actor_kind", "actor_name",
    "actor_role", "request_id", "commitment",
)  # fmt: skip
_BY = ("system", "benchmark", "operator", "made")


def customer_id(place: int) -> UUID:
    return UUID(f"019a0000-0000-7000-8000-{place:012x}")


def load(owner_url: str, tenant_id: UUID, entries: Sequence[Entry]) -> None:
    """Into an empty tenant, recorded as an import. As the owner: COPY cannot write where row-level
    security holds, so that it does not hold for the owner meanwhile."""
    customers = (_customer(tenant_id, *numbered) for numbered in enumerate(entries))
    addresses = (
        _address(tenant_id, place, entry)
        for place, entry in enumerate(entries)
        if entry.record.address
    )
    import_of = (tenant_id, uuid4(), "tenant.imported", 1, TENANT, *_BY, b"")
    filled: dict[str, tuple[Sequence[str], Iterable[tuple[object, ...]]]] = {
        "org_events": (_EVENT_COLUMNS, [import_of]),
        "org_customers_mst": (_COLUMNS, customers),
        "org_customer_addresses_mst": (_ADDRESS_COLUMNS, addresses),
    }
    with psycopg.connect(owner_url) as connection:
        for table in filled:
            connection.execute(f"alter table {table} no force row level security".encode())
        for table, (columns, rows) in filled.items():
            _copy(connection, table, columns, rows)
        connection.execute("set constraints all immediate")
        for table in filled:
            connection.execute(f"alter table {table} force row level security".encode())
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("vacuum analyze org_customers_mst, org_customer_addresses_mst")


def _copy(
    connection: psycopg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[tuple[object, ...]],
) -> None:
    copy = f"copy {table} ({', '.join(columns)}) from stdin".encode()
    with connection.cursor().copy(copy) as into:
        for row in rows:
            into.write_row(row)


def _customer(tenant_id: UUID, place: int, entry: Entry) -> tuple[object, ...]:
    record = entry.record
    return (
        tenant_id, customer_id(place), f"CUST-{place + 1:07d}", place + 1, "stub", record.name,
        record.name2, record.name or record.name2, record.born, record.company, record.phone,
        record.email, record.email and email_key(record.email),
    )  # fmt: skip


def _address(tenant_id: UUID, place: int, entry: Entry) -> tuple[object, ...]:
    assert entry.record.address is not None
    building, street, area, city = entry.record.address
    own = uuid5(customer_id(place), "address")
    return (
        tenant_id, own, customer_id(place), "home", building, street, area, city, "OM",
        "2026-01-01T00:00:00Z",
    )  # fmt: skip
