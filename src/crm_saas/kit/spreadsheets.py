"""Text in files that a spreadsheet opens: never a formula there, and itself again on the way back.

A cell that begins with one of these signs is run as a formula (OWASP, CSV injection). Full-width
ones are among them: spreadsheets read them as their narrow twins. Such text gets an apostrophe
before it. Text that begins with apostrophes before such a sign gets one more, so that taking one
away is always right: `=1` is written `'=1`, and `'=1` is written `''=1`.
"""

import re

SIGNS = "=+@＝＋－＠\t\r\n-"  # the hyphen last, as brackets want it
_GUARDED = re.compile(f"'*[{SIGNS}]")
_WRITTEN = re.compile(f"'+[{SIGNS}]")


def guard(text: str) -> str:
    """`text` as a cell of a file; `unguard` is its inverse."""
    return f"'{text}" if _GUARDED.match(text) else text


def unguard(cell: str) -> str:
    """What was exported as `cell`. What nobody guarded stays as it is."""
    return cell[1:] if _WRITTEN.match(cell) else cell
