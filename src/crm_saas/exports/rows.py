"""Rows of customers on their way out of the database, by COPY: memory stays flat at any size."""

from collections.abc import AsyncGenerator, Generator
from typing import Any, NamedTuple

from psycopg import AsyncConnection, AsyncCopy
from sqlalchemy import Select, func, select, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.customers.filters import CustomerFilter, conditions
from crm_saas.customers.models import Customer
from crm_saas.exports.columns import Format, rows_query
from crm_saas.kit.context import Context
from crm_saas.kit.spreadsheets import Column
from crm_saas.kit.telemetry import tracing

BLOCK_BYTES = 256 * 1024
TIMEOUT_SECONDS = 600

# JSON holds no control characters, so CSV with these two changes nothing of it.
_OPTIONS = {
    "csv": "format csv, header",
    "jsonl": "format csv, quote e'\\x01', delimiter e'\\x02'",
    "xlsx": "format csv",
    "pdf": "format csv",
}


class Block(NamedTuple):
    content: bytes
    rows: int


async def stream_rows(
    context: Context,
    wanted: CustomerFilter,
    columns: dict[str, Column],
    file_format: Format,
    *,
    timeout_seconds: int = TIMEOUT_SECONDS,
) -> AsyncGenerator[Block, None]:
    """CSV, or lines of JSON, in a transaction of its own: one statement, and so one snapshot."""
    statement, parameters = _statement(context, wanted, columns, file_format)
    async with context.database.transaction(context.scope, "streams") as session:
        await session.execute(text(f"set local statement_timeout = '{timeout_seconds}s'"))
        connection = await _driver_connection(session)
        with tracing.statement_span(statement):
            async with connection.cursor().copy(statement.encode(), parameters) as copy:
                names = int(file_format == "csv")  # in a line before the rows
                while (block := await connection.wait(_next_block(copy))).rows:
                    yield block._replace(rows=block.rows - names)
                    names = 0


def _next_block(copy: AsyncCopy) -> Generator[Any, Any, Block]:
    """As many rows as a block holds. COPY sends row by row: to wait for each in the event loop
    took longer than the database needs to make it, so it waits only where none has come yet."""
    content, rows = bytearray(), 0
    while len(content) < BLOCK_BYTES and (row := (yield from copy._read_gen())):  # noqa: SLF001
        content += row
        rows += 1
    return Block(bytes(content), rows)


async def count_rows(context: Context, wanted: CustomerFilter, *, cap: int | None = None) -> int:
    """How many there are now; with `cap`, at most one more than it."""
    query = select(Customer.id).where(*conditions(context, wanted))
    if cap is not None:
        query = query.limit(cap + 1)
    counted = await context.session.scalar(select(func.count()).select_from(query.subquery()))
    return counted or 0


async def _driver_connection(session: AsyncSession) -> AsyncConnection[Any]:
    connection = await (await session.connection()).get_raw_connection()
    driver = connection.driver_connection
    if not isinstance(driver, AsyncConnection):
        raise TypeError("export needs psycopg's connection")
    return driver


def _statement(
    context: Context, wanted: CustomerFilter, columns: dict[str, Column], file_format: Format
) -> tuple[str, dict[str, Any]]:
    query: Select[Any] = rows_query(context, wanted, columns, file_format)
    if file_format == "jsonl":
        # A function has a hundred arguments at most, too few for names and values of all columns.
        listed = query.subquery("listed")
        query = select(func.row_to_json(listed.table_valued()))
    sql, parameters = _compile(query)
    return f"copy ({sql}) to stdout ({_OPTIONS[file_format]})", parameters


def _compile(query: Select[Any]) -> tuple[str, dict[str, Any]]:
    compiled = query.compile(
        dialect=PGDialectAsync_psycopg(),  # type: ignore[no-untyped-call]
        compile_kwargs={"render_postcompile": True},
    )
    return str(compiled), dict(compiled.params)
