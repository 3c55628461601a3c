"""Brings a tenant back from its archive: as itself, or as another one beside it.

All of it in one transaction of crm_platform, behind the policies, so that nobody sees a half of it;
and at the end every table is read back and compared with the archive. Rows go through a temporary
table, since COPY cannot write where row-level security holds.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from psycopg import AsyncCursor, sql
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.backup.archive import Archive, Tally, open_archive, refuse
from crm_saas.backup.persons import CUSTOMERS, link_persons, make_persons
from crm_saas.backup.tables import (
    ACCOUNTS,
    BOUND_TO_TENANT,
    LOAN_SECONDS_MAX,
    MEMBERSHIPS,
    TENANT,
    Table,
    driver_cursor,
    schema_revision,
    tables_of_tenants,
    write_plainly,
)
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.db import Database
from crm_saas.kit.errors import Conflict, InvalidInput
from crm_saas.kit.events import record
from crm_saas.kit.ids import new_id
from crm_saas.kit.settings import Settings
from crm_saas.operator import platform
from crm_saas.tenancy.registry import SLUG, SlugTaken, context_within

Tell = Callable[[str], None]

_ACCOUNTS_HERE = """
    create temporary table accounts_here on commit drop as
    select
        archived.id as archived_id,
        coalesce(
            (select s.id from sys_staff_mst s where s.id = archived.id),
            (select s.id from sys_staff_mst s where s.email_key = archived.email_key)
        ) as id
    from archived
"""
_NEW_ACCOUNTS = """
    insert into sys_staff_mst ({columns})
    select {columns}
    from archived
    where not exists (
        select from sys_staff_mst s where s.id = archived.id or s.email_key = archived.email_key
    )
"""
_INSERT = "insert into {table} ({columns}) select {columns} from archived"
_INSERT_OWNED = (
    "insert into {table} (tenant_org_id, {columns}) select {tenant}, {columns} from archived"
)
_INSERT_MEMBERSHIPS = """
    insert into sys_staff_tenants (staff_id, tenant_org_id)
    select here.id, %s
    from archived
    join accounts_here here on here.archived_id = archived.staff_id
"""
_RELINK_MEMBERS = """
    update org_members m
    set staff_id = here.id
    from accounts_here here
    where m.tenant_org_id = %s
        and m.staff_id = here.archived_id
        and here.id <> here.archived_id
    returning m.id
"""


class Imported(msgspec.Struct, rename="camel"):
    id: UUID
    slug: str
    rows: int
    left_out: list[str]


class _Target(NamedTuple):
    """Which tenant the archive becomes."""

    id: UUID
    slug: str
    is_copy: bool


class _Import(NamedTuple):
    """What every step of one import needs."""

    database: Database
    ring: KeyRing
    archive: Archive
    target: _Target
    tell: Tell


async def import_tenant(
    settings: Settings, *, path: Path, as_slug: str | None, tell: Tell
) -> Imported:
    """Raises InvalidInput for an archive that cannot be taken, Conflict where the place is."""
    if as_slug is not None and not SLUG.fullmatch(as_slug):
        raise InvalidInput.of(
            "--as", "must be 1 to 63 lower-case letters, digits and hyphens, as in a host name"
        )
    ring = KeyRing.from_settings(settings)
    with open_archive(path, ring) as archive:
        tell("Reading the archive …")
        archive.verify()
        manifest = archive.manifest
        target = (
            _Target(manifest.tenant_id, manifest.slug, False)
            if as_slug is None
            else _Target(new_id(), as_slug, True)
        )
        async with platform(settings, loan_seconds_max=LOAN_SECONDS_MAX) as database:
            async with database.transaction(None) as session:
                cursor = await driver_cursor(session)
                tables = await _fitting_tables(cursor, archive)
                await _refuse_taken(cursor, target)
            await make_persons(database, ring, archive)
            work = _Import(database, ring, archive, target, tell)
            try:
                async with database.transaction(None) as session:
                    return await _import(session, work, tables)
            except psycopg.errors.UniqueViolation as error:
                raise Conflict(
                    "Something of this tenant is there already "
                    f"({error.diag.constraint_name}): nothing was imported."
                ) from error


async def _fitting_tables(cursor: AsyncCursor[Any], archive: Archive) -> list[Table]:
    """The tables of this database, which must be those of the archive."""
    manifest = archive.manifest
    revision = await schema_revision(cursor)
    if manifest.schema_revision != revision:
        refuse(
            f"is of the schema {manifest.schema_revision}, and this database has {revision}: "
            "import it with the version that exported it, then migrate"
        )
    tables = await tables_of_tenants(cursor)
    here = {table.name: table.columns for table in tables}
    there = {name: content.columns for name, content in manifest.tables.items()}
    if here != there:
        other = sorted(name for name in here | there if here.get(name) != there.get(name))
        refuse(f"has other tables or columns than this database: {', '.join(other)}")
    return tables


async def _refuse_taken(cursor: AsyncCursor[Any], target: _Target) -> None:
    await cursor.execute(
        "select slug, id = %s from sys_tenants_mst where id = %s or slug = %s",
        [target.id, target.id, target.slug],
    )
    for slug, is_same in await cursor.fetchall():
        raise SlugTaken(
            f"This tenant is here, as `{slug}`. Import it beside itself with --as NEW_SLUG, "
            f"or delete it first: crm-saas tenants delete --slug {slug}"
            if is_same
            else f"Another tenant has the slug `{slug}`. Choose one with --as NEW_SLUG."
        )


async def _import(session: AsyncSession, work: _Import, tables: list[Table]) -> Imported:
    cursor = await driver_cursor(session)
    await write_plainly(cursor)
    target, contents = work.target, work.archive.manifest.tables
    taken = [t for t in tables if not (target.is_copy and t.name in BOUND_TO_TENANT)]
    for table in taken:
        await _insert(cursor, work, table)
        work.tell(f"{table.name}: {contents[table.name].rows:,} rows")
    work.tell("Comparing …")
    for table in taken:
        if table.is_tenants:
            await _compare(cursor, work, table)
    await cursor.execute(_RELINK_MEMBERS, [target.id])
    relinked = [member for (member,) in await cursor.fetchall()]
    await _record(session, work, taken, relinked)
    return Imported(
        target.id,
        target.slug,
        sum(contents[table.name].rows for table in taken),
        sorted({table.name for table in tables} - {table.name for table in taken}),
    )


async def _insert(cursor: AsyncCursor[Any], work: _Import, table: Table) -> None:
    await _stage(cursor, work.archive, table)
    if table.name == TENANT:
        await cursor.execute(
            "update archived set id = %s, slug = %s", [work.target.id, work.target.slug]
        )
        await cursor.execute(sql.SQL(_INSERT).format(table=table.identifier, columns=table.names))
    elif table.name == ACCOUNTS:
        await cursor.execute(sql.SQL(_NEW_ACCOUNTS).format(columns=table.names))
        await cursor.execute(_ACCOUNTS_HERE)
    elif table.name == MEMBERSHIPS:
        await cursor.execute(_INSERT_MEMBERSHIPS, [work.target.id])
    else:
        if table.name == CUSTOMERS:
            await link_persons(cursor, work.ring, work.archive)
        await cursor.execute(
            sql.SQL(_INSERT_OWNED).format(
                table=table.identifier, columns=table.names, tenant=sql.Literal(work.target.id)
            )
        )


async def _stage(cursor: AsyncCursor[Any], archive: Archive, table: Table) -> None:
    """The table `archived`: this table's columns, with the archive's rows."""
    await cursor.execute("drop table if exists pg_temp.archived")
    await cursor.execute(
        sql.SQL(
            "create temporary table archived on commit drop as select {} from {} limit 0"
        ).format(table.names, table.identifier)
    )
    async with cursor.copy("copy archived from stdin") as copy:
        for chunk in archive.chunks(table.name):
            await copy.write(chunk)


async def _compare(cursor: AsyncCursor[Any], work: _Import, table: Table) -> None:
    """Reads back what is there now. The exception takes all of it away again."""
    tally = Tally()
    async with cursor.copy(table.content(work.target.id)) as copy:
        async for row in copy:
            tally.add(bytes(row))
    if tally.content(table.columns) != work.archive.manifest.tables[table.name]:
        refuse(f"came out different: {table.name} is not what it was. Nothing was imported")


async def _record(
    session: AsyncSession, work: _Import, taken: list[Table], relinked: list[UUID]
) -> None:
    """One record for all rows: how many each table has and their digest, not each by its id."""
    manifest, target = work.archive.manifest, work.target
    context = await context_within(session, work.database, slug=target.slug)
    await record(
        context,
        "tenant.imported",
        subject=("sys_tenants_mst", target.id),
        before={"id": manifest.tenant_id, "slug": manifest.slug, "at": manifest.exported_at},
        after={
            "id": target.id,
            "slug": target.slug,
            "tables": {
                table.name: {
                    "rows": manifest.tables[table.name].rows,
                    "sha256": manifest.tables[table.name].sha256,
                }
                for table in taken
                if table.is_tenants
            },
        },
        rows={"org_members": relinked},
    )
