"""What an export holds: every column that there is, as its actor may see it."""

from typing import Any, Literal, NamedTuple

from sqlalchemy import Select, Text, cast, select

from crm_saas.addresses.export import DEFAULT_ADDRESS, address_columns, is_default_of
from crm_saas.customers.export import custom_columns, customer_columns
from crm_saas.customers.filters import CustomerFilter, conditions
from crm_saas.customers.models import Customer
from crm_saas.kit.context import Context
from crm_saas.kit.spreadsheets import Column, Kind, guarded

Format = Literal["csv", "jsonl", "xlsx", "pdf"]


class Printed(NamedTuple):
    """A column of a list on paper: its widths are shares, its names in both languages."""

    width: float
    english: str
    arabic: str


PRINTED = {
    "customerNumber": Printed(1.3, "Number", "الرقم"),
    "displayName": Printed(2.2, "Name", "الاسم"),
    "name2": Printed(2.2, "Second name", "الاسم الثاني"),
    "phone": Printed(1.4, "Phone", "الهاتف"),
    "email": Printed(2.5, "E-mail", "البريد الإلكتروني"),
    "profileStatus": Printed(0.8, "Profile", "الملف"),
    "status": Printed(0.8, "Status", "الحالة"),
    "customerSince": Printed(1.1, "Since", "منذ"),
}


def columns_of(context: Context, file_format: Format) -> dict[str, Column]:
    """Every column is in every file but a PDF, so that an import can take it back.

    The tenant's own fields were loaded before (custom/queries.py).
    """
    columns = customer_columns(context)
    if file_format == "pdf":
        return {name: columns[name] for name in PRINTED}
    if context.actor.may("addresses:read"):
        columns |= address_columns()
    return columns | custom_columns(context, as_json=file_format == "jsonl")


def kinds_of(columns: dict[str, Column]) -> list[Kind]:
    return [column.kind for column in columns.values()]


def rows_query(
    context: Context, wanted: CustomerFilter, columns: dict[str, Column], file_format: Format
) -> Select[Any]:
    """The customers in the order of their numbers."""
    is_text = file_format != "jsonl"
    guards = file_format in {"csv", "xlsx"}
    shown = []
    for name, (kind, expression) in columns.items():
        if kind == "text" and guards:
            expression = guarded(expression)
        elif kind == "truth" and is_text:
            # COPY would write t and f, which no spreadsheet reads.
            expression = cast(expression, Text)
        shown.append(expression.label(name))
    query = select(*shown).select_from(Customer)
    if any(name.startswith("address.") for name in columns):
        query = query.outerjoin(DEFAULT_ADDRESS, is_default_of(context))
    return query.where(*conditions(context, wanted)).order_by(Customer.customer_seq)
