"""The persons behind an archive's customers, found by their phones: their ids are in no archive."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from psycopg import AsyncCursor

from crm_saas.backup.archive import Archive
from crm_saas.backup.tables import driver_cursor
from crm_saas.customers.persons import phone_hashes
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.db import Database
from crm_saas.kit.ids import new_id

CUSTOMERS = "org_customers_mst"
BATCH = 500
_NULL = rb"\N"


async def make_persons(database: Database, ring: KeyRing, archive: Archive) -> None:
    """Each batch in a short transaction of its own (DESIGN 8.5): a person whom another tenant
    verifies just now must not wait for the end of a long import. They say nothing of any tenant,
    and so may stay when the import then fails."""
    for phones in _batches(archive):
        async with database.transaction(None) as session:
            cursor = await driver_cursor(session)
            await cursor.executemany(
                "select person_of_phone(%s::bytea[], %s::bigint[], %s)",
                [
                    [list(hashes.values()), list(hashes), new_id()]
                    for hashes in (phone_hashes(ring, phone) for phone in phones)
                ],
            )


async def link_persons(cursor: AsyncCursor[Any], ring: KeyRing, archive: Archive) -> None:
    """Puts the persons' ids into `archived`, where the archive says that there is one."""
    await cursor.execute(
        "create temporary table persons (phone text primary key, id uuid) on commit drop"
    )
    for phones in _batches(archive):
        hashed = [(p, h) for p in phones for h in phone_hashes(ring, p).values()]
        await cursor.execute(
            """
            insert into persons
            select wanted.phone, p.id
            from unnest(%s::text[], %s::bytea[]) as wanted (phone, hash)
            join sys_customers_mst p on p.phone_hash = wanted.hash
            on conflict do nothing
            """,
            [[phone for phone, _ in hashed], [digest for _, digest in hashed]],
        )
    await cursor.execute(
        """
        update archived
        set person_id = (select p.id from persons p where p.phone = archived.phone)
        where person_id is not null
        """
    )


def _batches(archive: Archive) -> Iterator[list[str]]:
    columns = list(archive.manifest.tables[CUSTOMERS].columns)
    person, phone = columns.index("person_id"), columns.index("phone")
    linked = (row[phone] for row in archive.rows(CUSTOMERS) if row[person] != _NULL)
    while batch := [value.decode() for value in islice(linked, BATCH)]:
        yield sorted(set(batch))
