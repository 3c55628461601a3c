"""Makes a PDF of rows, as a process of its own: `python -m crm_saas.exports.pages`.

Reads a line of JSON, a `heads.Pages`, and then CSV. `pages.typ` is the layout.
"""

import re
import sys
from importlib.resources import files

import msgspec
import typst

from crm_saas.exports.heads import Pages
from crm_saas.exports.sheets import rows_of

TEXT_LENGTH_MAX = 150
# A word that is longer than its column would lie over the next one.
_LONG_WORD = re.compile(r"\S{18}(?=\S)")


def printable(cell: str) -> str:
    short = cell if len(cell) <= TEXT_LENGTH_MAX else f"{cell[: TEXT_LENGTH_MAX - 1]}…"
    return _LONG_WORD.sub("\\g<0>\u200b", short)


def main() -> None:
    line, rows = rows_of(sys.stdin.buffer)
    head = msgspec.json.decode(line, type=Pages)
    here = files("crm_saas.exports")
    data = {**msgspec.to_builtins(head), "rows": [list(map(printable, row)) for row in rows]}
    made = typst.compile(
        (here / "pages.typ").read_bytes(),
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=[str(here / "fonts")]),
        sys_inputs={"data": msgspec.json.encode(data).decode()},
        format="pdf",
        pdf_tags=False,  # of long tables they take a third of the time and most of the file
    )
    sys.stdout.buffer.write(made)


if __name__ == "__main__":
    main()
