"""One line a piece of work: for the terminal and for the page."""

from collections.abc import Sequence

from benchmarks.results import Check, Report, Row, Share

HEADS = (
    "work", "requests/s", "p50 ms", "p95 ms", "p99 ms", "errors", "of D", "of F",
    "CPU ms: app", "database", "must", "",
)  # fmt: skip


def cells(row: Row) -> list[str]:
    times = row.times
    timed = ["", "", "", "", ""]
    if times:
        spans = (times.p50_ms, times.p95_ms, times.p99_ms)
        timed = [f"{times.per_second:,.0f}", *map(_short, spans), str(times.errors)]
    return [
        row.title,
        *timed,
        *(_share(share) for share in (row.of_database, row.of_framework)),
        *(
            "" if cpu is None else f"{cpu:.2f}"
            for cpu in (row.application_cpu_ms, row.postgres_cpu_ms)
        ),
        "; ".join(map(_must, row.checks)),
        _verdict(row),
    ]


def _short(number: float) -> str:
    return f"{number:,.1f}" if number < 100 else f"{number:,.0f}"


def _share(share: Share | None) -> str:
    return "" if share is None else f"{share.share:.3f}"


def _must(check: Check) -> str:
    sign = "≥" if check.at_least else "≤"
    unit = f" {check.unit}" if check.unit else ""
    return f"{check.what} {sign} {check.bound:g}{unit}"


def _verdict(row: Row) -> str:
    if row.times and row.times.errors:
        return "ERRORS"
    if row.times and not row.times.answers:
        return "NO ANSWERS"
    if not row.checks:
        return ""
    missed = [check for check in row.checks if not check.holds]
    return "; ".join(f"NO: {_reached(check)}" for check in missed) or "yes"


def _reached(check: Check) -> str:
    return f"{check.reached:,.3g}" if check.reached < 1000 else f"{check.reached:,.0f}"


def as_text(report: Report) -> str:
    """For the terminal: columns that line up, then what is told beside them."""
    lines = [list(HEADS), *(cells(row) for row in report.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    shown = [_lined_up(line, widths) for line in lines]
    shown.insert(1, "─" * len(shown[0]))
    return "\n".join([*shown, "", *_details(report)])


def _lined_up(line: Sequence[str], widths: Sequence[int]) -> str:
    words = {0, len(HEADS) - 2, len(HEADS) - 1}
    return "  ".join(
        cell.ljust(width) if column in words else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(line, widths, strict=True))
    ).rstrip()


def _details(report: Report) -> list[str]:
    lines = []
    for row in report.rows:
        told = [f"{name} {value}" for name, value in row.figures.items()] + row.notes
        if told:
            lines.append(f"{row.title}: {'; '.join(told)}")
    lines += [f"{item}: not measured: {why}" for item, why in report.unmeasured.items()]
    return lines
