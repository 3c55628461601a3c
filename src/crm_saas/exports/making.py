"""Files of an export, as a stream of bytes."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from crm_saas.customers.filters import CustomerFilter
from crm_saas.exports.columns import PRINTED, Format, columns_of, kinds_of
from crm_saas.exports.conversion import converted
from crm_saas.exports.heads import Pages, Sheet
from crm_saas.exports.rows import TIMEOUT_SECONDS, Block, stream_rows
from crm_saas.kit.context import Context
from crm_saas.kit.spreadsheets import Column

MEDIA_TYPES: Mapping[Format, str] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "jsonl": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}

Note = Callable[[int], Awaitable[None]]


async def note_nothing(rows: int) -> None:
    """Nobody watches how far it is."""


async def make_file(
    context: Context,
    wanted: CustomerFilter,
    file_format: Format,
    *,
    note: Note = note_nothing,
    timeout_seconds: int = TIMEOUT_SECONDS,
) -> AsyncGenerator[bytes, None]:
    """`note` is told of the rows that have come, some hundreds at a time."""
    columns = columns_of(context, file_format)
    blocks = stream_rows(context, wanted, columns, file_format, timeout_seconds=timeout_seconds)
    async with aclosing(blocks), aclosing(_contents(blocks, note)) as contents:
        made: AsyncIterator[bytes] = contents
        tenant_id = context.tenant.id
        if file_format == "xlsx":
            head = sheet_head(context, columns)
            made = converted(contents, head, "sheets", tenant_id=tenant_id)
        elif file_format == "pdf":
            pages = page_head(context, wanted, columns)
            made = converted(contents, pages, "pages", tenant_id=tenant_id)
        async for chunk in made:
            yield chunk


async def _contents(blocks: AsyncIterator[Block], note: Note) -> AsyncGenerator[bytes, None]:
    async for block in blocks:
        yield block.content
        await note(block.rows)


def sheet_head(context: Context, columns: dict[str, Column]) -> Sheet:
    return Sheet(
        names=list(columns),
        kinds=list(kinds_of(columns)),
        title="العملاء" if _is_arabic(context) else "Customers",
        right_to_left=_is_arabic(context),
    )


def page_head(context: Context, wanted: CustomerFilter, columns: dict[str, Column]) -> Pages:
    arabic = _is_arabic(context)
    now = datetime.now(_zone(context))
    return Pages(
        names=[PRINTED[name].arabic if arabic else PRINTED[name].english for name in columns],
        kinds=list(kinds_of(columns)),
        widths=[PRINTED[name].width for name in columns],
        title="العملاء" if arabic else "Customers",
        tenant=context.tenant.name,
        tenant2=context.tenant.name2 or "",
        lines=[f"{now:%Y-%m-%d %H:%M} ({now.tzinfo})", *_filter_lines(wanted)],
        page="صفحة" if arabic else "Page",
        right_to_left=arabic,
    )


def _filter_lines(wanted: CustomerFilter) -> list[str]:
    """What was asked for, in the words of the query."""
    shown: dict[str, Any] = dict(
        zip(wanted.__struct_fields__, wanted.__struct_encode_fields__, strict=True)
    )
    return [f"{shown[name]}: {value}" for name, value in wanted.asked().items() if name in shown]


def _zone(context: Context) -> tzinfo:
    try:
        return ZoneInfo(context.tenant.time_zone)
    except (ZoneInfoNotFoundError, ValueError):  # a tenant's zone is not checked where it is set
        return UTC


def _is_arabic(context: Context) -> bool:
    return context.tenant.default_locale.partition("-")[0].lower() == "ar"
