"""What a run has reached, for docs/assurance.md: counted by the tests, written by the tool.

A test says `reached("random operations of two tenants", 20_000)`. The summary of the run shows the
counts; with CRM_ASSURANCE set to the command that runs, a run that passes replaces that command's
section of the page.
"""

import os
import platform
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs/assurance.md"
Reached = Callable[[str, int | str], None]

_HEAD = """# What was tried

Each section is written by the command that it is named for, when it passes: `make assurance` runs
all of them. The tests count what they reached; nothing here is typed by hand.
"""
_SECTION = re.compile(r"^## `(?P<command>[^`]+)`\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


class Assurance:
    """A pytest plugin that gathers the counts of one run."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._rows: dict[str, int] = {}
        self._words: dict[str, str] = {}
        self._passed = 0

    def reached(self, what: str, count: int | str) -> None:
        """Numbers of one name add up; a word replaces the last one."""
        if isinstance(count, int):
            self._rows[what] = self._rows.get(what, 0) + count
        else:
            self._words[what] = count

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._passed += report.when == "call" and report.passed

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if (sent := getattr(session.config, "workeroutput", None)) is not None:
            sent["reached"] = [*self._rows.items(), *self._words.items()]
            return
        command = os.environ.get("CRM_ASSURANCE")
        if command and exitstatus == pytest.ExitCode.OK:
            page = PAGE.read_text() if PAGE.exists() else _HEAD
            PAGE.write_text(with_section(page, command, self._section(command)))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """One of several processes is done (pytest-xdist)."""
        for what, count in getattr(node, "workeroutput", {}).get("reached", ()):
            self.reached(what, count)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for what, count in self._counts():
            terminalreporter.write_line(f"{what}: {count}")

    def _counts(self) -> list[tuple[str, str]]:
        numbers = {what: f"{count:,}" for what, count in self._rows.items()}
        return sorted((numbers | self._words).items())

    def _section(self, command: str) -> str:
        seconds = time.monotonic() - self._started
        machine = (
            f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        )
        rows = [("tests passed", f"{self._passed:,}"), *self._counts()]
        return "\n".join(
            [
                f"## `{command}`",
                "",
                f"{datetime.now(UTC):%Y-%m-%d}, {machine}, {seconds:,.0f} seconds.",
                "",
                "| what | reached |",
                "|---|---|",
                *(f"| {what} | {count} |" for what, count in rows),
                "",
            ]
        )


def with_section(page: str, command: str, section: str) -> str:
    """The page with this command's section in place of its last one, the sections in order."""
    sections = {found["command"]: found[0].rstrip() + "\n" for found in _SECTION.finditer(page)}
    sections[command] = section
    return _HEAD + "".join("\n" + sections[name] for name in sorted(sections))
