"""From the text of a cell to a value of the API."""

import re
from datetime import date
from typing import Any

import msgspec

from crm_saas.custom.models import CustomField
from crm_saas.custom.values import read_text
from crm_saas.imports.limits import CELL_LENGTH_MAX
from crm_saas.imports.plans import DateOrder
from crm_saas.imports.tables import NoValue
from crm_saas.kit.spreadsheets import unguard

_UNREAD = re.compile("[\ud800-\udfff\ufffd]")
_DATE = re.compile(r"(\d{1,2})[/.\- ](\d{1,2})[/.\- ](\d{4})")
_ISO_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T ]00:00(:00)?")
_ARABIC_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "0123456789" * 2)
# Programs put an apostrophe before digits, so that a spreadsheet takes them for text.
_NUMBERS = frozenset({"phone", "externalId", "customerNumber"})
_AS_TEXT = re.compile("'[0-9]")


def read_cell(cell: str, field: str) -> str:
    """The text as it was before a program guarded it. Raises ValueError."""
    if isinstance(cell, NoValue):
        raise ValueError(
            f"shows {cell[:20]} and has no value; put a value there, or let your office program "
            "compute and save the file again"
        )
    is_guarded_number = field in _NUMBERS and _AS_TEXT.match(cell.lstrip())
    text = cell.lstrip()[1:] if is_guarded_number else unguard(cell)
    if not text or text.isspace():
        return ""
    if len(text) > CELL_LENGTH_MAX:
        raise ValueError(f"must have {CELL_LENGTH_MAX:,} characters at most")
    if not text.isascii() and _UNREAD.search(text):
        raise ValueError("has characters that are not of the file's encoding; name the right one")
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    return text


def read_value(field: str, text: str, dates: DateOrder) -> Any:
    """As the API would get it. Raises ValueError."""
    if field == "notes":
        return text
    text = text.strip()
    if field == "dateOfBirth":
        return read_date(text, dates)
    if field == "preferences":
        try:
            return msgspec.json.decode(text)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ValueError('must be a JSON object, such as {"scent": "oud"}') from error
    return text


def read_custom(field: CustomField, text: str, dates: DateOrder) -> Any:
    """A value of a tenant's own field. Raises ValueError."""
    if text in field.options:
        return text
    text = text.strip()
    if field.kind == "date":
        text = read_date(text, dates)
    # Spreadsheets write TRUE and FALSE into their text files.
    return read_text(field, text.lower() if field.kind == "boolean" else text)


def read_date(text: str, dates: DateOrder) -> str:
    text = text.translate(_ARABIC_DIGITS)
    if found := _ISO_TIME.fullmatch(text):
        return found[1]
    if found := _DATE.fullmatch(text):
        first, second, year = (int(part) for part in found.groups())
        day, month = (first, second) if dates == "dayFirst" else (second, first)
        try:
            return date(year, month, day).isoformat()
        except ValueError as error:
            order = "day, month, year" if dates == "dayFirst" else "month, day, year"
            raise ValueError(f"is no date, read as {order}; `dates` turns that around") from error
    return text
