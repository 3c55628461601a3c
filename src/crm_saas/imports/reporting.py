"""The result: the rows as they came, with what became of each."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.rows_of_file import RowsOfFile
from crm_saas.imports.stored import result_name
from crm_saas.imports.tables import Row as FileRow
from crm_saas.kit.context import Context
from crm_saas.kit.errors import TooLarge
from crm_saas.kit.files import Files
from crm_saas.kit.spreadsheets import harmless

ADDED = ("outcome", "customerNumber", "reason")
# A result has the file's own bytes, what guards them, and the reasons.
_GROWTH_MAX = 8
_OUTCOMES = text("""
    select r.row_number, r.outcome, r.customer_number, r.problems
    from org_import_rows r
    where r.tenant_org_id = :tenant
        and r.import_id = :import
        and r.row_number between :first and :last
""")


async def write_result(base: Context, import_id: UUID, rows: RowsOfFile) -> None:
    """Into the file store; a second try writes over the first. Raises UnreadableFile."""
    try:
        await Files.from_settings(base.settings).write(
            result_name(base.tenant.id, import_id),
            _lines(base, import_id, rows),
            bytes_max=base.settings.import_bytes_max * _GROWTH_MAX,
        )
    except TooLarge as error:
        raise UnreadableFile(
            "The rows are done, and their result would be too large a file. GET …/rows lists them."
        ) from error


async def _lines(base: Context, import_id: UUID, rows: RowsOfFile) -> AsyncIterator[bytes]:
    yield b"\xef\xbb\xbf" + _written([[*rows.headers, *ADDED]])
    number = 0
    while chunk := await asyncio.to_thread(rows.after, number):
        number = chunk[-1].number
        async with base.database.transaction(base.scope) as session:
            found = await session.execute(
                _OUTCOMES,
                {
                    "tenant": base.tenant.id,
                    "import": import_id,
                    "first": chunk[0].number,
                    "last": number,
                },
            )
            outcomes = {row.row_number: row for row in found}
        yield await asyncio.to_thread(_chunk, chunk, outcomes, len(rows.headers))


def _chunk(rows: Sequence[FileRow], outcomes: dict[int, Row[Any]], width: int) -> bytes:
    lines = []
    for row in rows:
        outcome = outcomes.get(row.number)
        told = ["", "", ""]
        if outcome is not None:
            told = [outcome.outcome, outcome.customer_number or "", reason_of(outcome.problems)]
        lines.append([*(row.cells + [""] * width)[:width], *told])
    return _written(lines)


def reason_of(problems: Sequence[dict[str, Any]] | None) -> str:
    return "; ".join(
        ": ".join(filter(None, (p.get("column") or p.get("field"), p["message"])))
        for p in problems or ()
    )


def _written(lines: Sequence[Sequence[str]]) -> bytes:
    """The rows that are mended in it can be imported again: each cell means what it meant."""
    target = io.StringIO()
    csv.writer(target).writerows([harmless(cell) for cell in line] for line in lines)
    return target.getvalue().encode("utf-8", "replace")
