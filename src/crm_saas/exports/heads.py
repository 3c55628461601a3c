"""What a process that makes files is told before the rows (conversion.py)."""

import msgspec


class Sheet(msgspec.Struct):
    """Names and kinds of the columns, one entry each."""

    names: list[str]
    kinds: list[str]
    title: str
    right_to_left: bool = False


class Pages(msgspec.Struct):
    """And what stands above the table, in the language of its readers."""

    names: list[str]
    kinds: list[str]
    widths: list[float]
    title: str
    tenant: str
    tenant2: str
    lines: list[str]
    page: str
    right_to_left: bool = False
