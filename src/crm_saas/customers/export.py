"""Export (SPEC 6.4): streamed by COPY, so that memory stays flat at any size."""

import codecs
from collections.abc import AsyncGenerator, AsyncIterator
from decimal import Decimal
from typing import Any, Literal

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from psycopg import AsyncConnection
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.customers.filters import CustomerFilter, conditions
from crm_saas.customers.models import Customer
from crm_saas.kit.context import Context
from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.events import record
from crm_saas.kit.money import DECIMALS
from crm_saas.kit.telemetry import tracing

Format = Literal["csv", "jsonl"]
MEDIA_TYPES: dict[str, str] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "jsonl": "application/x-ndjson",
}
CHUNK_BYTES = 64 * 1024
TIMEOUT_SECONDS = 600

_COLUMNS: dict[str, Any] = {
    "id": Customer.id,
    "customerNumber": Customer.customer_number,
    "profileStatus": Customer.profile_status,
    "status": Customer.status,
    "journeyStage": Customer.journey_stage,
    "lifecycle": Customer.lifecycle,
    "customerType": Customer.customer_type,
    "displayName": Customer.display_name,
    "name": Customer.name,
    "name2": Customer.name2,
    "firstName": Customer.first_name,
    "lastName": Customer.last_name,
    "honorific": Customer.honorific,
    "dateOfBirth": Customer.date_of_birth,
    "avatarUrl": Customer.avatar_url,
    "locale": Customer.locale,
    "phone": Customer.phone,
    "phoneVerified": Customer.phone_verified_at.is_not(None),
    "email": Customer.email,
    "emailVerified": Customer.email_verified_at.is_not(None),
    "identityVerified": Customer.identity_verified_at.is_not(None),
    "companyName": Customer.company_name,
    "companySize": Customer.company_size,
    "industry": Customer.industry,
    "annualRevenueAmount": None,
    "annualRevenueCurrency": Customer.annual_revenue_currency,
    "notes": Customer.notes,
    "preferences": Customer.preferences,
    "customerSince": Customer.customer_since,
    "externalId": Customer.external_id,
    "assignedTo": Customer.assigned_to,
    "teamId": Customer.team_id,
    "expiresAt": Customer.expires_at,
    "createdAt": Customer.created_at,
    "updatedAt": Customer.updated_at,
}
_TIMES = ("customerSince", "expiresAt", "createdAt", "updatedAt")
_TRUTHS = ("phoneVerified", "emailVerified", "identityVerified")
# What a tenant's own people typed. A phone is E.164 by the time it is stored: a plus and digits
# are a number to a spreadsheet, never a formula, so phones stay readable.
_TYPED = (
    "displayName", "name", "name2", "firstName", "lastName", "honorific", "email",
    "avatarUrl", "companyName", "industry", "notes", "preferences", "externalId",
)  # fmt: skip


async def open_export(
    context: Context, wanted: CustomerFilter, file_format: Format, *, bom: bool = False
) -> AsyncIterator[bytes]:
    """Records the export in the request's transaction and opens a stream with its own.

    The first chunk is fetched here, so that what fails fails before the answer begins.
    """
    if bom and file_format != "csv":
        raise InvalidInput.of("bom", "is for CSV; JSON has none (RFC 8259, 8.1)")
    await record(
        context,
        "customers.exported",
        subject=("org_customers_mst", None),
        after={"format": file_format, "filter": wanted.asked()},
    )
    stream = _stream(context, _statement(context, wanted, file_format))
    context.closing.push_async_callback(stream.aclose)
    first = await anext(stream, b"")
    return _after(codecs.BOM_UTF8 + first if bom else first, stream)


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _stream(
    context: Context, statement: tuple[str, dict[str, Any]]
) -> AsyncGenerator[bytes, None]:
    async with context.database.transaction(context.scope, "streams") as session:
        await session.execute(text(f"set local statement_timeout = '{TIMEOUT_SECONDS}s'"))
        cursor = (await _driver_connection(session)).cursor()
        buffer = bytearray()
        with tracing.statement_span(statement[0]):
            async with cursor.copy(statement[0].encode(), statement[1]) as copy:
                async for row in copy:
                    buffer += row
                    if len(buffer) >= CHUNK_BYTES:
                        yield bytes(buffer)
                        buffer.clear()
        if buffer:
            yield bytes(buffer)


async def _driver_connection(session: AsyncSession) -> AsyncConnection[Any]:
    connection = await (await session.connection()).get_raw_connection()
    driver = connection.driver_connection
    if not isinstance(driver, AsyncConnection):
        raise TypeError("export needs psycopg's connection")
    return driver


def _statement(
    context: Context, wanted: CustomerFilter, file_format: Format
) -> tuple[str, dict[str, Any]]:
    columns = _shown(context)
    if file_format == "csv":
        # COPY would write t and f, which no spreadsheet reads.
        columns |= {name: cast(columns[name], Text) for name in _TRUTHS}
        guarded = {name: _guard(c) if name in _TYPED else c for name, c in columns.items()}
        query = select(*(column.label(name) for name, column in guarded.items()))
        options = "format csv, header"
    else:
        pairs = [part for name, c in columns.items() for part in (literal_column(f"'{name}'"), c)]
        query = select(func.json_build_object(*pairs))
        # JSON holds no control characters, so CSV with these two changes nothing of it.
        options = "format csv, quote e'\\x01', delimiter e'\\x02'"
    query = query.where(*conditions(context, wanted)).order_by(Customer.customer_seq)
    sql, parameters = _compile(query)
    return f"copy ({sql}) to stdout ({options})", parameters


def _shown(context: Context) -> dict[str, ColumnElement[Any]]:
    columns = _COLUMNS | {"annualRevenueAmount": _revenue()}
    for name in _TIMES:
        columns[name] = func.to_char(
            func.timezone("UTC", columns[name]), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
        )
    if not context.actor.may("customers:unmask"):
        columns["phone"] = _masked_phone()
        columns["email"] = func.regexp_replace(Customer.email, "^(.).*(@.*)$", r"\1****\2")
    return columns


def _revenue() -> ColumnElement[str]:
    """A decimal string, as `money_of` writes it. Multiplied, since a quotient may be rounded."""
    amounts = {
        decimals: cast(Customer.annual_revenue_minor * literal(Decimal(1).scaleb(-decimals)), Text)
        for decimals in (*sorted(set(DECIMALS.values())), 2)
    }
    return case(
        *(
            (Customer.annual_revenue_currency == currency, amounts[decimals])
            for currency, decimals in DECIMALS.items()
        ),
        else_=amounts[2],
    )


def _masked_phone() -> ColumnElement[str]:
    """What `mask_phone` shows. No country code begins another (E.164), so a pattern finds it."""
    codes = "|".join(str(code) for code in COUNTRY_CODE_TO_REGION_CODE)
    code = func.substring(Customer.phone, literal(rf"^\+(?:{codes})"))
    rest = func.substr(Customer.phone, func.length(code) + 1)
    shown = func.least(3, func.length(rest) - 5)
    return case(
        (func.length(rest) < 5, code.concat("****")),
        else_=code.concat(func.left(rest, shown)).concat("****").concat(func.right(rest, 2)),
    )


def _guard(column: Any) -> ColumnElement[str]:
    """An apostrophe before what a spreadsheet would run as a formula (OWASP, CSV injection).

    Full-width signs are among it: spreadsheets read them as their narrow twins.
    """
    value = cast(column, Text)
    return case(
        (value.op("~")(literal("^[=+@＝＋－＠\t\r\n-]")), literal("'").concat(value)), else_=value
    )


def _compile(query: Select[Any]) -> tuple[str, dict[str, Any]]:
    compiled = query.compile(
        dialect=PGDialectAsync_psycopg(),  # type: ignore[no-untyped-call]
        compile_kwargs={"render_postcompile": True},
    )
    return str(compiled), dict(compiled.params)
