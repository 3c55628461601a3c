"""A made tenant goes into the database by COPY, as its operator would restore it."""

from collections.abc import Iterable
from uuid import UUID, uuid5

import psycopg

from benchmarks.duplicates.tenant import Entry
from crm_saas.kit.emails import email_key

_COLUMNS = (
    "tenant_org_id", "id", "customer_number", "customer_seq", "profile_status", "name", "name2",
    "display_name", "date_of_birth", "company_name", "phone", "email", "email_key",
)  # fmt: skip
_ADDRESS_COLUMNS = (
    "tenant_org_id", "id", "customer_id", "type", "building", "street", "area", "city", "country",
    "pending_since",
)  # fmt: skip


def customer_id(place: int) -> UUID:
    return UUID(f"019a0000-0000-7000-8000-{place:012x}")


def load(owner_url: str, tenant_id: UUID, entries: Iterable[Entry]) -> None:
    """Into an empty tenant. As the owner: COPY cannot write where row-level security holds, so it
    is off meanwhile, and indexes are built as the rows come."""
    with psycopg.connect(owner_url) as connection:
        kept = list(entries)
        for table, columns, rows in (
            ("org_customers_mst", _COLUMNS, (_customer(tenant_id, *e) for e in enumerate(kept))),
            (
                "org_customer_addresses_mst",
                _ADDRESS_COLUMNS,
                (
                    _address(tenant_id, place, entry)
                    for place, entry in enumerate(kept)
                    if entry.record.address
                ),
            ),
        ):
            connection.execute(f"alter table {table} no force row level security".encode())
            copy = f"copy {table} ({', '.join(columns)}) from stdin".encode()
            with connection.cursor().copy(copy) as into:
                for row in rows:
                    into.write_row(row)
            connection.execute(f"alter table {table} force row level security".encode())
        connection.execute(
            "update org_number_counters set last_value = %s where tenant_org_id = %s",
            [len(kept), tenant_id],
        )
        connection.commit()
        connection.autocommit = True
        connection.execute("vacuum analyze")


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
