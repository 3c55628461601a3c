"""Copies of the repository in which faults are planted, and tests that run against them."""

import os
import queue
import shutil
import subprocess
import sys
import threading
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.engine import make_url

from factories.database import new_database
from planted.fault import Fault

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("src", "sql", "migrations", "tests", "docs", "deploy", "pyproject.toml", "README.md")
AT_ONCE = 2
SECONDS_MAX = 300
_MIGRATE = """
import sys
import psycopg
from crm_saas.kit.schema import migrate
from crm_saas.kit.settings import Settings
from recording_trigger import install_recording_trigger

migrate(Settings(database_url=sys.argv[1]))
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    install_recording_trigger(connection)
"""


class Outcome(NamedTuple):
    """What became of each test function that ran; a function of many cases fails with one."""

    passed: set[str]
    failed: dict[str, str]  # with what the failure says
    broken: dict[str, str]  # an error around the test, which says nothing of the fault
    output: str


class Garden:
    """A few copies, one fault in each at a time. The tests share a server of PostgreSQL."""

    def __init__(self, folder: Path, owner_url: str, template: str) -> None:
        self._owner_url = owner_url
        self._template = template
        self._copies: queue.Queue[Path] = queue.Queue()
        # Databases of one server share their roles, which two migrations cannot change at once.
        self._migrating = threading.Lock()
        self._pool = ThreadPoolExecutor(AT_ONCE)
        for number in range(AT_ONCE):
            self._copies.put(_copy(folder / f"copy-{number}"))

    def start(self, fault: Fault) -> "Future[Outcome]":
        return self._pool.submit(self._try_out, fault)

    def run(self, tests: list[str]) -> "Future[Outcome]":
        """Without a fault."""
        return self._pool.submit(self._run_sound, tests)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _run_sound(self, tests: list[str]) -> Outcome:
        with self._borrowed() as root:
            return _run(root, tests, self._owner_url, self._template)

    def _try_out(self, fault: Fault) -> Outcome:
        tests = [*fault.after, *fault.caught_by]
        with self._borrowed() as root, fault.planted(root):
            if not fault.is_of_the_database:
                return _run(root, tests, self._owner_url, self._template)
            with new_database(self._owner_url, "planted") as url:
                with self._migrating:
                    _python(root, ["-c", _MIGRATE, url], self._owner_url)
                return _run(root, tests, self._owner_url, make_url(url).database or "")

    @contextmanager
    def _borrowed(self) -> Iterator[Path]:
        root = self._copies.get()
        try:
            yield root
        finally:
            self._copies.put(root)


def _copy(target: Path) -> Path:
    """With the compiled files, which still fit: a fault then costs one compilation."""
    target.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name)
        else:
            shutil.copy2(source, target / name)
    return target


def _run(root: Path, tests: list[str], owner_url: str, template: str) -> Outcome:
    report = root.parent / f"{uuid.uuid4().hex}.xml"
    done = _python(
        root,
        ["-m", "pytest", f"--junitxml={report}", "-o", "junit_family=xunit1", *tests],
        owner_url,
        CRM_TEST_TEMPLATE=template,
    )
    outcome = Outcome(set(), {}, {}, done.stdout + done.stderr)
    if not report.exists():
        return outcome
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - written by our own pytest
        name = f"{case.get('file')}::{(case.get('name') or '').partition('[')[0]}"
        if (failure := case.find("failure")) is not None:
            outcome.failed[name] = failure.get("message") or ""
        elif (error := case.find("error")) is not None:
            outcome.broken[name] = error.get("message") or ""
        else:
            outcome.passed.add(name)
    return outcome


def _python(
    root: Path, arguments: list[str], owner_url: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CRM_", "PYTEST_")) and name != "DATABASE"
    }
    paths = os.pathsep.join([str(root / "src"), str(root / "tests")])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env=kept | {"DATABASE_URL": owner_url, "PYTHONPATH": paths} | variables,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
    )
