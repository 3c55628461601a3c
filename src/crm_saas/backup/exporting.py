"""Writes one tenant into an archive, from one snapshot of the database."""

import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from psycopg import AsyncCursor
from sqlalchemy import text

from crm_saas.backup.archive import Manifest, Writer
from crm_saas.backup.tables import (
    LOAN_SECONDS_MAX,
    Table,
    driver_cursor,
    schema_revision,
    tables_of_tenants,
    write_plainly,
)
from crm_saas.kit.context import Tenant
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.db import Database
from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.events import record
from crm_saas.kit.settings import Settings
from crm_saas.operator import within

Tell = Callable[[str], None]
TOLD_EVERY_ROWS = 100_000


async def export_tenant(settings: Settings, *, slug: str, out: BinaryIO, tell: Tell) -> Manifest:
    """Reads as crm_dump, which sees all rows and changes none. Raises NotFound.

    That it was taken is recorded before, in the tenant's own trail.
    """
    async with within(settings, slug) as context:
        tenant = context.tenant
        await record(context, "tenant.exported", subject=("sys_tenants_mst", tenant.id))
    database = Database(settings, "crm_dump", loan_seconds_max=LOAN_SECONDS_MAX)
    try:
        async with database.transaction(None) as session:
            await session.execute(text("set transaction isolation level repeatable read"))
            cursor = await driver_cursor(session)
            await write_plainly(cursor)
            return await _write(cursor, tenant, Writer(out, KeyRing.from_settings(settings)), tell)
    finally:
        await database.close()


async def _write(cursor: AsyncCursor[Any], tenant: Tenant, writer: Writer, tell: Tell) -> Manifest:
    for table in await tables_of_tenants(cursor):
        content = await writer.add(table.name, table.columns, _rows(cursor, table, tenant, tell))
        tell(f"{table.name}: {content.rows:,} rows")
    return writer.finish(
        schema_revision=await schema_revision(cursor), tenant_id=tenant.id, slug=tenant.slug
    )


async def _rows(
    cursor: AsyncCursor[Any], table: Table, tenant: Tenant, tell: Tell
) -> AsyncIterator[bytes]:
    count = 0
    async with cursor.copy(table.content(tenant.id)) as copy:
        async for row in copy:
            yield bytes(row)
            count += 1
            if count % TOLD_EVERY_ROWS == 0:
                tell(f"{table.name}: {count:,} rows …")


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file for its owner's eyes only, which takes its name once it is whole.

    Raises InvalidInput where there is one already, or no place for it.
    """
    if path.exists():
        raise InvalidInput.of("FILE", f"{path} is there already: choose another name")
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InvalidInput.of("FILE", f"cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def standard_output() -> Iterator[BinaryIO]:
    """Raises InvalidInput where somebody would have to read it."""
    if sys.stdout.isatty():
        raise InvalidInput.of("FILE", "`-` is for a pipe, not for a terminal")
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()
