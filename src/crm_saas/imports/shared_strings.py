"""The strings of a workbook, which its cells name by number: in a file, their places in memory."""

import tempfile
import zipfile
from array import array
from functools import lru_cache

from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import CELL_LENGTH_MAX, INFLATED_BYTES_MAX
from crm_saas.imports.xml_parts import events

_RECENT = 10_000


class SharedStrings:
    """Eight bytes of memory a string."""

    def __init__(self, archive: zipfile.ZipFile, part: str | None) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._ends = array("Q", [0])
        # Cities and words such as `yes` come again and again.
        self._read = lru_cache(_RECENT)(self._read_one)
        if part is not None:
            self._write(archive, part)

    def _write(self, archive: zipfile.ZipFile, part: str) -> None:
        pieces: list[str] = []
        for kind, name, _, text in events(archive, part):
            if kind == "start" and name == "si":
                pieces = []
            elif kind == "end" and name == "t":
                pieces.append(text)
            elif kind == "end" and name == "si":
                content = "".join(pieces)[: CELL_LENGTH_MAX + 1].encode("utf-8", "surrogatepass")
                self._file.write(content)
                self._ends.append(self._ends[-1] + len(content))
                if self._ends[-1] > INFLATED_BYTES_MAX:
                    raise UnreadableFile("The spreadsheet has too much text. Save it as CSV UTF-8.")

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < len(self._ends) - 1:
            raise UnreadableFile("The spreadsheet is damaged: a cell names a text that it has not.")
        return self._read(number)

    def _read_one(self, number: int) -> str:
        begin, end = self._ends[number], self._ends[number + 1]
        self._file.seek(begin)
        return self._file.read(end - begin).decode("utf-8", "surrogatepass")

    def close(self) -> None:
        self._file.close()
