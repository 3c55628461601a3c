"""The rows of a table, whatever file they come from."""

from typing import NamedTuple


class Row(NamedTuple):
    """`number` is the row's in a spreadsheet."""

    number: int
    cells: list[str]


class NoValue(str):
    """A cell that shows something and has no value: an error, a formula never computed."""
