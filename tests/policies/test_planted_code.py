"""The faults that `make planted` plants in copies of the code: each fits, the page shows all."""

import ast
from pathlib import Path

import pytest

from planted import page
from planted.all_faults import FAULTS
from planted.fault import Fault
from planted.garden import ROOT
from planted.live import FAULTS as LIVE
from planted.live import ROLE_FAULTS

PLANTED_MIN = 60


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.says)
def test_a_fault_fits_and_names_tests_that_are_there(fault: Fault, tmp_path: Path) -> None:
    for edit in fault.edits:
        copy = tmp_path / edit.file
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / edit.file).read_bytes())
    with fault.planted(tmp_path):
        for edit in fault.edits:
            changed = (tmp_path / edit.file).read_text()
            assert changed != (ROOT / edit.file).read_text()
            if edit.file.endswith(".py"):
                ast.parse(changed)
    for edit in fault.edits:
        assert (tmp_path / edit.file).read_text() == (ROOT / edit.file).read_text()
    for test in (*fault.caught_by, *fault.after):
        path, _, function = test.partition("::")
        assert f"def {function}(" in (ROOT / path).read_text(), test


def test_a_list_that_went_stale_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    gone = Fault("says", "a.py", "x = 2", "x = 3", ())
    with pytest.raises(LookupError, match=r"a\.py has this 0 times"), gone.planted(tmp_path):
        raise AssertionError("it was planted")


def test_the_page_shows_every_fault() -> None:
    assert page.PAGE.read_text() == page.written(), "run .venv/bin/python tests/planted/page.py"
    assert len(FAULTS) + len(LIVE) + len(ROLE_FAULTS) >= PLANTED_MIN
    assert len({fault.says for fault in FAULTS}) == len(FAULTS)
