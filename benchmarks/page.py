"""docs/performance.md, out of latest.json."""

from pathlib import Path

import msgspec

from benchmarks.items import ITEMS
from benchmarks.results import Report
from benchmarks.table import HEADS, cells
from crm_saas.kit.settings import ROOT

LATEST = Path(__file__).with_name("latest.json")
PAGE = ROOT / "docs/performance.md"

_HEAD = """# Performance

Written by `make bench`, from `benchmarks/latest.json`. Nothing here is typed by hand.

```sh
make bench
make bench FULL=1
make bench ITEMS=read,create
```

The first takes some minutes, the second an hour and, once, twenty minutes more to build its data,
which is kept (`CRM_BENCH_DIR`, `.bench` unless set). With `ITEMS` only these are measured, and
this page stays as it is unless `SAVE=1` is said too: then their lines are replaced, and date and
commit are those of the last run. Ctrl-C stops everything that was started.

How it is measured: the product runs as an operator starts it, `crm-saas serve --workers 2` and
`crm-saas worker`, on an embedded PostgreSQL with the settings below, request budgets lifted by
their settings. Load generator, product and database share the machine. Each connection sends its
next request when the last is answered; any answer but 2xx is an error. Product and floors take
turns, so that all have the same machine in each round; a share is the median of the rounds.

- **D**, the database's limit: pgbench, prepared, on as many connections and the same database,
  doing the plain SQL of the same work (`benchmarks/floors/statements.py`) as the superuser, for
  whom policies do not hold. For creations all on one tenant it spreads over many.
- **F**, the framework's limit: a bare Litestar handler on psycopg
  (`benchmarks/floors/framework.py`), two processes, ten connections each, that runs that SQL and
  encodes the answer, without authentication, validation, policies or verbs.

CPU is milliseconds a request, of API and worker and of PostgreSQL, with the jobs that the request
caused.
"""


def read_latest() -> dict[str, Report]:
    """By size; the largest first."""
    if not LATEST.exists():
        return {}
    return msgspec.json.decode(LATEST.read_bytes(), type=dict[str, Report])


def save(report: Report, *, only_its_rows: bool) -> None:
    """Into latest.json and the page. `only_its_rows` leaves other items as they were."""
    kept = read_latest()
    if only_its_rows and (before := kept.get(report.size)):
        measured = {row.item for row in report.rows} | report.unmeasured.keys()
        report.rows += [row for row in before.rows if row.item not in measured]
        order = list(ITEMS)
        report.rows.sort(key=lambda row: order.index(row.item))
        report.unmeasured |= {
            item: why for item, why in before.unmeasured.items() if item not in measured
        }
    kept[report.size] = report
    LATEST.write_bytes(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")
    PAGE.write_text(rendered(kept))


def rendered(reports: dict[str, Report]) -> str:
    largest_first = sorted(reports.values(), key=lambda report: -report.data["customers"])
    return "\n".join([_HEAD, *map(_section, largest_first)])


def _section(report: Report) -> str:
    machine = report.machine
    data = report.data
    lines = [
        f"## `{report.command}`",
        "",
        f"{report.began_at:%Y-%m-%d}, {report.seconds / 60:,.0f} minutes, commit {report.commit}. "
        f"{machine.cores} cores of {machine.processor}, {machine.memory_gib} GiB, "
        f"{machine.system}, Python {machine.python}.",
        "",
        f"{data['customers']:,} customers: {data['main']:,} in one tenant, the others in "
        f"{data['tenants']:,} by Zipf's law, in two scripts.",
        "",
        _line(HEADS),
        _line(["---"] * len(HEADS)),
        *(_line(cells(row)) for row in report.rows),
        "",
        *_told(report),
        "PostgreSQL: " + ", ".join(f"{name} {value}" for name, value in report.postgres.items()),
        "",
        "The product: " + ", ".join(f"{name} {value}" for name, value in report.settings.items()),
        "",
    ]
    return "\n".join(lines)


def _told(report: Report) -> list[str]:
    lines = []
    for row in report.rows:
        told = [f"{name} {value}" for name, value in row.figures.items()] + row.notes
        if told:
            lines.append(f"- {row.title}: {'; '.join(told)}")
    lines += [f"- {item}: not measured: {why}" for item, why in report.unmeasured.items()]
    lacking = ITEMS.keys() - {row.item for row in report.rows} - report.unmeasured.keys()
    lines += [f"- {item}: not measured at this size" for item in ITEMS if item in lacking]
    return [*lines, ""] if lines else []


def _line(cells_: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells_) + " |"
