"""Which encoding and which delimiter a text has, from its beginning."""

import codecs
import csv
import io
from typing import Literal, NamedTuple

from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import COLUMNS_MAX

Encoding = Literal["utf-8", "utf-16", "utf-16-le", "utf-16-be", "windows-1256", "windows-1252"]
Delimiter = Literal[",", ";", "\t", "|"]
LOOK_BYTES = 64 * 1024
_DELIMITERS: tuple[Delimiter, ...] = (",", ";", "\t", "|")
_LINES = 30


class Dialect(NamedTuple):
    encoding: Encoding
    delimiter: Delimiter


def detect(
    beginning: bytes, *, encoding: Encoding | None = None, delimiter: Delimiter | None = None
) -> Dialect:
    """What the caller named holds; the rest is seen in the first bytes. Raises UnreadableFile."""
    chosen = encoding or _encoding(beginning)
    try:
        text = codecs.getincrementaldecoder(chosen)("replace").decode(beginning)
    except UnicodeError as error:
        raise UnreadableFile(f"The file is not {chosen}: {error}.") from error
    text = text.removeprefix("\ufeff")
    if "\x00" in text[:1000]:
        raise UnreadableFile(
            "The file has NUL characters at its beginning. If it is UTF-16 without a byte order "
            "mark, send encoding=utf-16-le; otherwise save it as CSV UTF-8."
        )
    return Dialect(chosen, delimiter or _delimiter(text))


def _encoding(beginning: bytes) -> Encoding:
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        # Not final: the look may end within a character.
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return "windows-1256"  # what office programs of the region write, when not UTF-8
    return "utf-8"


def _delimiter(text: str) -> Delimiter:
    """The one that cuts the first lines into most cells, alike in most of them."""
    lines = text.splitlines(keepends=True)[:_LINES]
    if lines and lines[0].lower().startswith("sep=") and lines[0].strip()[4:] in _DELIMITERS:
        return lines[0].strip()[4:]  # type: ignore[return-value]
    best: tuple[float, int] = (0, 1)
    chosen: Delimiter = ","
    for delimiter in _DELIMITERS:
        widths = _widths("".join(lines), delimiter)
        if not widths or widths[0] < 2:
            continue
        alike = sum(width == widths[0] for width in widths) / len(widths)
        if (rank := (alike, min(widths[0], COLUMNS_MAX))) > best:
            best, chosen = rank, delimiter
    return chosen


def _widths(text: str, delimiter: str) -> list[int]:
    widths = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            widths.append(len(row))  # noqa: PERF401 - what was read before an error counts
    except csv.Error:
        pass  # cut off in the middle of a quoted cell; what was read says enough
    return [width for width in widths[:-1] or widths if width]
