"""Refuses to serve with a database role that could get past the policies (DESIGN 2.1)."""

import asyncio
import logging
import time

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from crm_saas.kit.db import Database
from crm_saas.kit.telemetry.failures import database_reason

log = logging.getLogger(__name__)

WAIT_SECONDS_MAX = 300
RETRY_SECONDS = 1

_HARMS = text(
    """
    select
        r.rolsuper as superuser,
        r.rolbypassrls as bypasses_row_security,
        exists (
            select from pg_class c
            where c.relowner = r.oid and c.relnamespace = 'public'::regnamespace
        ) as owns_tables,
        exists (select from pg_auth_members m where m.member = r.oid) as member_of_a_role
    from pg_roles r
    where r.rolname = current_user
    """
)
UNGUARDED = r"""
    select c.relname
    from pg_class c
    where c.relnamespace = 'public'::regnamespace
        and c.relkind in ('r', 'p')
        and c.relname like 'org\_%'
        and not (c.relrowsecurity and c.relforcerowsecurity)
    order by c.relname
"""


class UnsafeDatabase(RuntimeError):
    """The connection could see more than one tenant; the text says why and what to do."""


async def refuse_unsafe_role(database: Database) -> None:
    """Raises UnsafeDatabase."""
    async with database.session() as session:
        harms = (await session.execute(_HARMS)).one()._asdict()
        unguarded = list(await session.scalars(text(UNGUARDED)))
    if reasons := [name.replace("_", " ") for name, is_so in harms.items() if is_so]:
        raise UnsafeDatabase(
            f"This process's database role gets past row-level security ({', '.join(reasons)}). "
            "Connect as crm_app, the role that `crm-saas migrate` makes."
        )
    if unguarded:
        raise UnsafeDatabase(
            f"Row-level security is off or not forced on {', '.join(unguarded)}. "
            "Run `crm-saas migrate`, then `crm-saas doctor`."
        )


async def await_safe_role(database: Database) -> None:
    """`refuse_unsafe_role`, as soon as the database can be asked.

    A process that replaces a dead one may start while the database is away. If it gave up then,
    uvicorn would take the application for broken and stop its other processes too.
    """
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        try:
            await refuse_unsafe_role(database)
            return
        except (DBAPIError, PoolTimeout) as error:
            if time.monotonic() > deadline:
                raise
            log.warning("cannot serve yet, waiting for the database: %s", database_reason(error))
            await asyncio.sleep(RETRY_SECONDS)
