"""The rows of a table, whatever file they come from."""

from typing import NamedTuple


class Row(NamedTuple):
    """`number` is the row's in a spreadsheet."""

    number: int
    cells: list[str]


class NoValue(str):
    """A cell that shows something and has no value: an error, a formula never computed."""


def has_text(row: Row) -> bool:
    return any(cell and not cell.isspace() for cell in row.cells)


def without_blank_end(cells: list[str]) -> list[str]:
    width = len(cells)
    while width and not cells[width - 1].strip():
        width -= 1
    return cells[:width]


def narrowed(row: Row, width: int) -> Row:
    """Of what stands beyond the header, the first text, for which the row is refused."""
    if len(row.cells) <= width:
        return row
    beyond = next((cell for cell in row.cells[width:] if cell and not cell.isspace()), None)
    return Row(row.number, row.cells[:width] + ([] if beyond is None else [beyond]))
