"""The strings of a workbook, which its cells name by number: in a file, their places in memory."""

import tempfile
import zipfile
from array import array
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import STRINGS_BYTES_MAX, STRINGS_MAX
from crm_saas.imports.xml_parts import Gathered, events

_RECENT = 10_000
_RECENT_BYTES = 200
_AT_ONCE = 10_000


class SharedStrings:
    """Eight bytes of memory a string, and the short ones that were asked for last.

    Read as far as cells ask: office programs number texts in the order of the cells, so that who
    looks at the first rows reads the first strings alone.
    """

    def __init__(self, archive: zipfile.ZipFile, part: str | None) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._ends = array("Q", [0])
        # Cities and words such as `yes` come again and again.
        self._recent = lru_cache(_RECENT)(self._read)
        self._unread = _strings(archive, part) if part is not None else iter(())

    def __getitem__(self, number: int) -> str:
        while number >= len(self._ends) - 1 and self._read_on():
            pass
        if not 0 <= number < len(self._ends) - 1:
            raise UnreadableFile("The spreadsheet is damaged: a cell names a text that it has not.")
        is_short = self._ends[number + 1] - self._ends[number] <= _RECENT_BYTES
        return self._recent(number) if is_short else self._read(number)

    def _read_on(self) -> bool:
        """Some more of them; false at the end."""
        self._file.seek(self._ends[-1])
        count = len(self._ends)
        for content in islice(self._unread, _AT_ONCE):
            self._file.write(content)
            self._ends.append(self._ends[-1] + len(content))
            if self._ends[-1] > STRINGS_BYTES_MAX or len(self._ends) > STRINGS_MAX:
                raise UnreadableFile("The spreadsheet has too much text. Save it as CSV UTF-8.")
        return len(self._ends) > count

    def _read(self, number: int) -> str:
        begin, end = self._ends[number], self._ends[number + 1]
        self._file.seek(begin)
        return self._file.read(end - begin).decode()

    def close(self) -> None:
        self._file.close()


def _strings(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    gathered = Gathered()
    for kind, name, _, text in events(archive, part):
        if kind == "start" and name == "si":
            gathered = Gathered()
        elif kind == "end" and name == "t":
            gathered.add(text)
        elif kind == "end" and name == "si":
            yield gathered.text.encode()
