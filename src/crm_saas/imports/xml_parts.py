"""The XML parts of a spreadsheet, in pieces: expat, without document types or entities."""

import re
import zipfile
from collections.abc import Iterator
from typing import NamedTuple
from xml.parsers import expat

from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import CELL_LENGTH_MAX, DEPTH_MAX

_PIECE_BYTES = 64 * 1024
# Between two elements; a tag that does not end would be kept whole.
_SILENCE_BYTES_MAX = 1024 * 1024
_TEXTS = frozenset({"v", "t"})
_WATCHED = frozenset({"c", "row", "f", "v", "t", "si"})

_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


class Element(NamedTuple):
    name: str
    attributes: dict[str, str]


Event = tuple[str, str, dict[str, str], str]
"""`start` or `end`, the element's name, its attributes, at the end of `v` and `t` their text."""


class Gathered:
    """The text of a cell from its pieces, long enough to be refused and no longer."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._left = CELL_LENGTH_MAX + 1

    def add(self, piece: str) -> None:
        if piece and self._left:
            self._pieces.append(piece[: self._left])
            self._left -= len(self._pieces[-1])

    @property
    def text(self) -> str:
        return "".join(self._pieces)


def elements(
    archive: zipfile.ZipFile, part: str, names: set[str], *, most: int
) -> Iterator[Element]:
    """Raises UnreadableFile, also where there are more than `most`."""
    count = 0
    for kind, name, attributes, _ in events(archive, part, frozenset(names)):
        if kind == "start":
            count += 1
            if count > most:
                raise UnreadableFile(f"The spreadsheet has more than {most:,} entries in {part}.")
            yield Element(name, attributes)


def events(
    archive: zipfile.ZipFile, part: str, names: frozenset[str] = _WATCHED
) -> Iterator[Event]:
    """Raises UnreadableFile."""
    reader = _Reader(names)
    with archive.open(part) as stream:
        while piece := stream.read(_PIECE_BYTES):
            yield from reader.feed(piece, part)
        yield from reader.feed(b"", part, is_last=True)


class _Reader:
    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._found: list[Event] = []
        self._gathered: Gathered | None = None
        self._silent_bytes = 0
        self._depth = 0
        self._is_phonetic = False
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        self._parser = parser

    def feed(self, piece: bytes, part: str, *, is_last: bool = False) -> list[Event]:
        self._found = []
        self._silent_bytes += len(piece)
        try:
            self._parser.Parse(piece, is_last)
        except expat.ExpatError as error:
            raise UnreadableFile(f"The spreadsheet is damaged: {part}: {error}.") from None
        if self._silent_bytes > _SILENCE_BYTES_MAX:
            raise UnreadableFile(f"The spreadsheet is damaged: {part} has a tag without end.")
        return self._found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._silent_bytes = 0
        self._depth += 1
        if self._depth > DEPTH_MAX:  # the library keeps each that is open
            raise UnreadableFile(f"The spreadsheet has elements {DEPTH_MAX} deep in each other.")
        name = name.rpartition(":")[2]
        if name == "rPh":
            self._is_phonetic = True  # how a Japanese text is read aloud: no part of it
        elif name in self._names:
            self._found.append(("start", name, attributes, ""))
            if name in _TEXTS:
                self._gathered = Gathered()

    def _end(self, name: str) -> None:
        self._silent_bytes = 0
        self._depth -= 1
        name = name.rpartition(":")[2]
        if name == "rPh":
            self._is_phonetic = False
        elif name in self._names:
            is_text = self._gathered is not None and name in _TEXTS and not self._is_phonetic
            text = self._gathered.text if is_text and self._gathered is not None else ""
            self._found.append(("end", name, {}, text))
            if name in _TEXTS:
                self._gathered = None

    def _text(self, text: str) -> None:
        self._silent_bytes = 0
        if self._gathered is not None:
            self._gathered.add(text)

    def _refuse(self, *_: object) -> None:
        raise UnreadableFile("The spreadsheet declares XML entities, which none needs.")


def read_escapes(text: str) -> str:
    """`_x000D_` is a carriage return: what XML cannot hold is written so (ECMA-376, ST_Xstring).

    What is too long stays so: it may have been cut, and has to be refused.
    """
    if "_x" not in text or len(text) > CELL_LENGTH_MAX:
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
