"""What a query reads, explained as the application's role in a context as a request has it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import sql
from sqlalchemy import Select

from crm_saas.backup.tables import driver_cursor
from crm_saas.kit.context import Actor, Context, Tenant, scope_of
from crm_saas.kit.db import Database
from crm_saas.kit.settings import Settings


class Cost(NamedTuple):
    rows: int
    buffers: int
    scanned: set[str]


@asynccontextmanager
async def working(settings: Settings, tenant_id: UUID, actor: Actor) -> AsyncIterator[Context]:
    database = Database(settings)
    try:
        async with database.transaction(scope_of(tenant_id, actor)) as session:
            made = Tenant(tenant_id, "made", "made", None, "active", "OM", "en", "OMR", "UTC", {})
            yield Context(
                session=session, tenant=made, actor=actor, database=database, settings=settings,
                request_id="",
            )  # fmt: skip
    finally:
        await database.close()


async def explain(context: Context, query: Select[Any], kept: str = "custom") -> Cost:
    """What the statement reads, planned for its values (`custom`) or, as of one that is run often,
    for any (`generic`); `scanned` are the tables that it reads whole."""
    connection = await context.session.connection()
    compiled = query.compile(
        dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
    )
    values: list[sql.Literal] = []

    def numbered(found: re.Match[str]) -> str:
        values.append(sql.Literal(compiled.params[found[1]]))
        return f"${len(values)}"

    cursor = await driver_cursor(context.session)
    statement = re.sub(r"%\((\w+)\)s", numbered, str(compiled))
    await cursor.execute(f"set local plan_cache_mode = force_{kept}_plan".encode())
    await cursor.execute(f"prepare page as {statement}".encode())
    run = sql.SQL("explain (analyze, buffers, format json) execute page ({})")
    found = await cursor.execute(run.format(sql.SQL(", ").join(values)))
    [[[plan]]] = await found.fetchall()
    await cursor.execute("deallocate page")
    top = plan["Plan"]
    return Cost(
        int(top["Actual Rows"]),
        top["Shared Hit Blocks"] + top["Shared Read Blocks"],
        set(re.findall(r"Seq Scan', .*?'Relation Name': '(\w+)'", str(top))),
    )
