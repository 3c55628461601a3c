"""The rows of a table, whatever file they come from."""

from collections.abc import Iterator
from typing import NamedTuple

from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import ROWS_MAX


class Row(NamedTuple):
    """`number` is the row's in a spreadsheet."""

    number: int
    cells: list[str]


class NoValue(str):
    """A cell that shows something and has no value: an error, a formula never computed."""


class BlankRows(UnreadableFile):
    """Rows without text, one after another, and no end of them."""


def as_table(rows: Iterator[Row], blank_max: int) -> Iterator[Row]:
    """The rows that have any text, the header first.

    Rows have one cell more than the header at the most. Raises UnreadableFile.
    """
    width = 0
    for count, row in enumerate(_with_text(rows, blank_max)):
        if count > ROWS_MAX:
            raise UnreadableFile(
                f"The file has more than {ROWS_MAX:,} rows. Cut it into several files."
            )
        if count == 0:
            width = len(without_blank_end(row.cells))
        yield narrowed(row, width) if count else row


def _with_text(rows: Iterator[Row], blank_max: int) -> Iterator[Row]:
    blank = 0
    for row in rows:
        if has_text(row):
            blank = 0
            yield row
            continue
        blank += 1
        if blank > blank_max:
            raise BlankRows(
                f"Down to row {row.number:,} there are more than {blank_max:,} without any text. "
                "Take them out."
            )


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
