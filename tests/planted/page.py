"""Writes the tables of docs/isolation.md that show each planted fault and what finds it:

.venv/bin/python tests/planted/page.py
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from planted.all_faults import FAULTS
from planted.live import FAULTS as LIVE
from planted.live import ROLE_FAULTS, WITH_BYPASSRLS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "isolation.md"
BEGIN = "<!-- planted faults: written by tests/planted/page.py -->"
SHOWN_MAX = 120


def written() -> str:
    """The page with both tables as they are declared now."""
    page = PAGE.read_text()
    return page.partition(BEGIN)[0] + BEGIN + "\n" + _code() + "\n" + _live()


def _code() -> str:
    rows = [
        f"| {fault.says} | {fault.file} | {'<br>'.join(map(_test, fault.caught_by))} |"
        for fault in FAULTS
    ]
    return "\n".join(
        [
            "",
            f"{len(FAULTS)} in the code, each in a copy; the tests beside it must fail of it:",
            "",
            "| fault | in | caught by |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _live() -> str:
    found = {**LIVE, **{sql: {check} for sql, check in ROLE_FAULTS.items()}}
    found["alter role crm_app bypassrls"] = WITH_BYPASSRLS
    rows = [
        f"| `{_short(sql)}` | {', '.join(f'`{check}`' for check in sorted(checks))} |"
        for sql, checks in found.items()
    ]
    return "\n".join(
        [
            f"{len(found)} in a live database, found by these checks of `crm-saas doctor` and no",
            "others (`tests/policies/test_planted_faults.py`):",
            "",
            "| fault | found by |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _test(name: str) -> str:
    path, _, function = name.partition("::")
    return f"`{path.removeprefix('tests/')}::{function}`"


def _short(sql: str) -> str:
    """On one line; a table's cell ends at a bar."""
    line = " ".join(sql.split()).replace("|", "\\|")
    return line if len(line) <= SHOWN_MAX else line[: SHOWN_MAX - 2] + " …"


if __name__ == "__main__":
    PAGE.write_text(written())
