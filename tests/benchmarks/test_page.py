"""docs/performance.md is what the tool makes of benchmarks/latest.json, and nothing else."""

from benchmarks.page import PAGE, read_latest, rendered


def test_the_page_is_what_was_measured() -> None:
    reports = read_latest()

    assert reports, "run `make bench`"
    assert PAGE.read_text() == rendered(reports), "written by hand? Run `make bench` instead"
