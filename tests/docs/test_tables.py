"""The tables of the documents are complete, and equal to the code."""

import importlib
import pkgutil
import re

import crm_saas
from crm_saas.kit.errors import Problem
from shell_blocks import ROOT


def rows(page: str) -> list[list[str]]:
    """The cells of every table row, without the rulers below the heads."""
    lines = re.findall(r"^\| ?(.*?) ?\|$", (ROOT / "docs" / page).read_text(), re.MULTILINE)
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [row for row in cells if not set("".join(row)) <= set("-: ")]


def every_problem() -> set[type[Problem]]:
    for module in pkgutil.walk_packages(crm_saas.__path__, "crm_saas."):
        importlib.import_module(module.name)
    found: set[type[Problem]] = {Problem}
    todo = [Problem]
    while todo:
        kinds = todo.pop().__subclasses__()
        todo += kinds
        found.update(kind for kind in kinds if kind.__module__.startswith("crm_saas."))
    return found


def test_status_codes_lists_every_problem() -> None:
    listed = {(r[0], r[1].strip("`"), r[2]) for r in rows("status-codes.md")[1:] if len(r) == 3}
    listed.discard(("status", "type", "says"))

    there = {(str(kind.status), kind.type, kind.title) for kind in every_problem()}

    lines = [f"| {status} | `{name}` | {title} |" for status, name, title in sorted(there - listed)]
    assert not lines, "docs/status-codes.md lacks\n" + "\n".join(lines)
    assert listed <= there


def test_every_type_means_one_thing() -> None:
    by_type: dict[str, set[tuple[int, str]]] = {}
    for kind in every_problem():
        by_type.setdefault(kind.type, set()).add((kind.status, kind.title))

    assert {name: found for name, found in by_type.items() if len(found) > 1} == {}
