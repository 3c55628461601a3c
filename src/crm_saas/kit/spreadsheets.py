"""Text in files that a spreadsheet opens: never a formula there, and itself again on the way back.

A cell that begins with one of these signs is run as a formula (OWASP, CSV injection). Full-width
ones are among them: spreadsheets read them as their narrow twins. Such text gets an apostrophe
before it. Text that begins with apostrophes before such a sign gets one more, so that taking one
away is always right: `=1` is written `'=1`, and `'=1` is written `''=1`.

Other programs put an apostrophe before digits, so that they stay text, and an import takes that
away from phones and ids. Digits that have one in truth get one more too: `'12` is `''12`.
"""

import re
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Text, and_, case, cast, func, literal, or_

SIGNS = "=+@＝＋－＠\t\r\n-"  # the hyphen last, as brackets want it
# Every sign and the apostrophe is before the one, or not before the other.
_FIRST_LETTER, _FIRST_WIDE = "A", "＋"
Kind = Literal["text", "code", "truth", "time", "date", "number"]
_GUARDED = re.compile(f"'*[{SIGNS}]|'+[0-9]")
_WRITTEN = re.compile(f"'+[{SIGNS}]|''+[0-9]")


def guard(text: str) -> str:
    """`text` as a cell of a file; `unguard` is its inverse."""
    return f"'{text}" if _GUARDED.match(text) else text


def unguard(cell: str) -> str:
    """What was exported as `cell`. What nobody guarded stays as it is."""
    return cell[1:] if _WRITTEN.match(cell) else cell


def harmless(cell: str) -> str:
    """A cell of somebody's file, to be written into another: no formula, and read as it was."""
    return f"'{cell}" if cell[:1] and cell[0] in SIGNS else cell


class Column(NamedTuple):
    """A column of an export. `text` is what people typed, and guarded; `code` never needs it."""

    kind: Kind
    expression: Any


def guarded(column: ColumnElement[Any]) -> ColumnElement[str]:
    """`guard` in the database.

    Letters are told from signs by two comparisons of bytes: a pattern on each of a dozen columns
    took as long as the rest of an export.
    """
    text = cast(column, Text(collation="C"))
    sign = func.left(func.ltrim(text, "'"), 1)
    is_quoted_number = and_(func.left(text, 1) == "'", sign.in_(list("0123456789")))
    return case(
        (
            or_(text < _FIRST_LETTER, text >= _FIRST_WIDE),
            case(
                (or_(sign.in_(list(SIGNS)), is_quoted_number), literal("'").concat(text)),
                else_=text,
            ),
        ),
        else_=text,
    )
