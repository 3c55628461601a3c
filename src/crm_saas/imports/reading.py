"""A table, whatever file it comes from."""

from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from itertools import islice
from typing import BinaryIO, NamedTuple

from crm_saas.imports.apart import read_apart
from crm_saas.imports.encodings import Dialect
from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import (
    BLANK_ROWS_LOOKED_AT,
    BLANK_ROWS_MAX,
    COLUMNS_MAX,
    HEADER_LENGTH_MAX,
    LOOK_CPU_SECONDS_MAX,
    READING_CPU_SECONDS_MAX,
    SAMPLE_CELL_LENGTH,
    SAMPLE_ROWS,
)
from crm_saas.imports.tables import BlankRows, Row, as_table, without_blank_end
from crm_saas.imports.texts import read_text


class Head(NamedTuple):
    headers: list[str]
    sample: list[list[str]]


class Bounds(NamedTuple):
    cpu_seconds: int
    blank_rows: int


LOOK = Bounds(LOOK_CPU_SECONDS_MAX, BLANK_ROWS_LOOKED_AT)
WHOLE = Bounds(READING_CPU_SECONDS_MAX, BLANK_ROWS_MAX)


def read_table(
    file: BinaryIO, dialect: Dialect | None, bounds: Bounds = WHOLE
) -> Generator[Row, None, None]:
    """As `as_table`; no dialect is a spreadsheet."""
    rows = read_apart(file, bounds.cpu_seconds) if dialect is None else read_text(file, dialect)
    with closing(rows):
        yield from as_table(rows, bounds.blank_rows)


def read_head(rows: Iterator[Row]) -> Head:
    """Raises UnreadableFile for a table without columns or rows, and with too many columns."""
    first = next(rows, None)
    if first is None:
        raise UnreadableFile("The file is empty. Its first row must name the columns.")
    headers = unique_headers(first.cells)
    sample: list[list[str]] = []
    with suppress(BlankRows):  # further down than anybody looks now
        for row in islice(rows, SAMPLE_ROWS):
            shown = [_shown(cell) for cell in row.cells[: len(headers)]]
            sample.append(shown)
    if not sample:
        raise UnreadableFile("The file has a header and no rows below it.")
    return Head(headers, sample)


def _shown(cell: str) -> str:
    """What cannot be kept as text refuses its row later; here it is shown as a mark."""
    text = cell.strip()[:SAMPLE_CELL_LENGTH].replace("\x00", "\ufffd")
    return text.encode("utf-8", "replace").decode()


def unique_headers(cells: list[str]) -> list[str]:
    """Each once: `Phone`, `Phone (2)`; nameless columns by their place. Raises UnreadableFile."""
    cells = without_blank_end(cells)
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
