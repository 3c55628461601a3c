"""`python -m benchmarks`: what `make bench` runs."""

import argparse
import subprocess
import sys
import time
from datetime import UTC, datetime

from benchmarks import page, processes
from benchmarks.contest import Bench
from benchmarks.dataset.building import POSTGRES, DataSet, opened
from benchmarks.items import ITEMS, Unmeasured
from benchmarks.machine import this_machine
from benchmarks.results import Report, Row
from benchmarks.saying import end_on_signals, say
from benchmarks.sizes import SIZES, Size
from benchmarks.table import as_text
from crm_saas.kit.settings import ROOT


def main() -> None:
    asked = _arguments()
    end_on_signals()
    size, items = SIZES[asked.size], asked.items or list(ITEMS)
    with opened(size, say) as data:
        report = run(data, items, _command(asked))
    print(as_text(report))
    if asked.save or not asked.items:
        page.save(report, only_its_rows=bool(asked.items))
        say(f"written to {page.LATEST.relative_to(ROOT)} and {page.PAGE.relative_to(ROOT)}")


def run(data: DataSet, items: list[str], command: str) -> Report:
    began_at, began = datetime.now(UTC), time.monotonic()
    rows: list[Row] = []
    unmeasured: dict[str, str] = {}
    say("starting the product and the floors")
    with processes.product_and_framework(data.settings, data.superuser_url, data.folder) as served:
        bench = Bench(data, *served, say)
        for item in items:
            try:
                rows += ITEMS[item](bench)
            except Unmeasured as reason:
                unmeasured[item] = str(reason)
        postgres = _postgres_settings(bench)
    return Report(
        size=data.size.name,
        command=command,
        began_at=began_at,
        seconds=time.monotonic() - began,
        commit=_commit(),
        machine=this_machine(),
        postgres=postgres,
        settings={"processes": str(processes.PROCESSES), **processes.NO_BUDGETS},
        data=_shape(data.size),
        rows=rows,
        unmeasured=unmeasured,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--size", choices=SIZES, default="short")
    parser.add_argument("--items", type=_items, default=[], help="such as read,create")
    parser.add_argument("--save", action="store_true", help="also when only some are measured")
    return parser.parse_args()


def _items(text: str) -> list[str]:
    wanted = text.replace(",", " ").split()
    if unknown := sorted(set(wanted) - ITEMS.keys()):
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown)}: there is {', '.join(ITEMS)}, with commas between"
        )
    return wanted


def _command(asked: argparse.Namespace) -> str:
    return "make bench FULL=1" if asked.size == "full" else "make bench"


def _shape(size: Size) -> dict[str, int]:
    return {"customers": size.customers, "main": size.main, "tenants": size.tenants}


def _postgres_settings(bench: Bench) -> dict[str, str]:
    names = [*POSTGRES, "fsync", "synchronous_commit", "server_version"]
    with bench.superuser() as connection:
        return {
            name: connection.execute("select current_setting(%s)", [name]).fetchone()[0]  # type: ignore[index]
            for name in names
        }


def _commit() -> str:
    """What was measured; `+` when files differ from it."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=10"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return described.stdout.strip() or "unknown"


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped; nothing that was started still runs.")
