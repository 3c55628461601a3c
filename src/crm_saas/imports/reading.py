"""A table, whatever file it comes from."""

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import BinaryIO, NamedTuple

from crm_saas.imports.encodings import Dialect
from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import (
    COLUMNS_MAX,
    HEADER_LENGTH_MAX,
    ROWS_MAX,
    SAMPLE_CELL_LENGTH,
    SAMPLE_ROWS,
)
from crm_saas.imports.sheets import read_sheet
from crm_saas.imports.tables import Row
from crm_saas.imports.texts import read_text


class Head(NamedTuple):
    headers: list[str]
    sample: list[list[str]]


def read_table(file: BinaryIO, dialect: Dialect | None) -> Generator[Row, None, None]:
    """The rows that have any text, the header first; no dialect is a spreadsheet.

    Raises UnreadableFile.
    """
    rows = read_sheet(file) if dialect is None else read_text(file, dialect)
    count = 0
    with closing(rows):
        for row in rows:
            if not any(cell and not cell.isspace() for cell in row.cells):
                continue
            if count > ROWS_MAX:
                raise UnreadableFile(
                    f"The file has more than {ROWS_MAX:,} rows. Cut it into several files."
                )
            count += 1
            yield row


def read_head(rows: Iterator[Row]) -> Head:
    """Raises UnreadableFile for a table without columns or rows, and with too many columns."""
    first = next(rows, None)
    if first is None:
        raise UnreadableFile("The file is empty. Its first row must name the columns.")
    headers = unique_headers(first.cells)
    sample = [
        [_shown(cell) for cell in row.cells[: len(headers)]]
        for row, _ in zip(rows, range(SAMPLE_ROWS), strict=False)
    ]
    if not sample:
        raise UnreadableFile("The file has a header and no rows below it.")
    return Head(headers, sample)


def _shown(cell: str) -> str:
    """What cannot be kept as text refuses its row later; here it is shown as a mark."""
    text = cell.strip()[:SAMPLE_CELL_LENGTH].replace("\x00", "\ufffd")
    return text.encode("utf-8", "replace").decode()


def unique_headers(cells: list[str]) -> list[str]:
    """Each once: `Phone`, `Phone (2)`; nameless columns by their place. Raises UnreadableFile."""
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > COLUMNS_MAX:
        raise UnreadableFile(
            f"The file has {len(cells):,} columns; {COLUMNS_MAX} can be read. "
            "Take out what is not a customer's."
        )
    headers: list[str] = []
    for place, cell in enumerate(cells, 1):
        name = " ".join(cell.replace("\x00", " ").split())[:HEADER_LENGTH_MAX] or f"Column {place}"
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise UnreadableFile(
                f"The header of column {place} is not in the file's encoding. "
                "Save the file as CSV UTF-8, or name its encoding."
            )
        unique, copies = name, 1
        while unique in headers:
            copies += 1
            unique = f"{name} ({copies})"
        headers.append(unique)
    return headers
