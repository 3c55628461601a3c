"""docs/keys.md names everything that is made with a master key, and where."""

import re
from pathlib import Path

from crm_saas.wiring import SEALED_COLUMNS
from shell_blocks import ROOT

PAGE = (ROOT / "docs/keys.md").read_text()
SOURCE = ROOT / "src/crm_saas"
_DERIVES = re.compile(r"\b(?:subkeys?|lookup_key)\(\s*(\"[^\"]+\"|[A-Z]+)")


def sources() -> dict[str, str]:
    return {
        str(file.relative_to(SOURCE)): file.read_text() for file in sorted(SOURCE.rglob("*.py"))
    }


def tables() -> tuple[list[list[str]], list[list[str]]]:
    """The rows of both tables, as their cells."""
    encrypted, _, derived = PAGE.partition("## Hashed, signed and derived")
    both = []
    for part in (encrypted, derived):
        lines = re.findall(r"^\| (.*) \|$", part, re.MULTILINE)
        both.append([[cell.strip() for cell in line.split(" | ")] for line in lines][1:])
    return both[0], both[1]


def files(cell: str) -> set[str]:
    return set(re.findall(r"`([\w/]+\.py)`", cell))


def test_every_place_that_encrypts_is_listed() -> None:
    encrypted, _ = tables()
    there = {
        name
        for name, text in sources().items()
        if re.search(r"(?<!def )\bencrypt\(", text) and name != "kit/crypto.py"
    }
    assert {name for row in encrypted for name in files(row[1])} == there


def test_every_encrypted_column_is_moved_to_a_new_key() -> None:
    listed = set(re.findall(r"^\| `(\w+\.\w+)`: ", PAGE, re.MULTILINE))
    assert listed == {str(column) for column in SEALED_COLUMNS}


def test_every_subkey_is_listed_with_its_files() -> None:
    _, derived = tables()
    found: dict[str, set[str]] = {}
    for name, text in sources().items():
        for purpose in _DERIVES.findall(text):
            word = purpose.strip('"') if purpose.startswith('"') else constant(text, purpose)
            found.setdefault(word, set()).add(name)
    assert {row[0].strip("`"): files(row[1]) for row in derived} == found


def constant(text: str, name: str) -> str:
    """What a name in capitals stands for, in its own file or in that of the chain."""
    for place in (text, Path(SOURCE / "audit/chain.py").read_text()):
        if value := re.search(rf'^{name} = "([^"]+)"', place, re.MULTILINE):
            return value[1]
    raise LookupError(name)
