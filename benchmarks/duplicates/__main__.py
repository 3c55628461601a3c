"""`python -m benchmarks.duplicates [--customers 100000] [--folder .bench/duplicates] [--again]`"""

import argparse
import time
from pathlib import Path
from uuid import UUID

import psycopg

from benchmarks.duplicates.sweeping import Swept, make_and_load, sweep_and_measure
from benchmarks.duplicates.tenant import SEED, make_tenant
from crm_saas.kit.postgres.embedded import EmbeddedPostgres
from crm_saas.kit.schema import migrate
from crm_saas.kit.settings import Settings

_OPTIONS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "maintenance_work_mem": "256MB"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=Path(".bench/duplicates"))
    parser.add_argument("--again", action="store_true", help="forget what earlier sweeps found")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--load-only", action="store_true")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    asked.folder.chmod(0o711)
    entries = list(make_tenant(asked.customers, asked.seed))
    with EmbeddedPostgres(asked.folder / "postgres", options=_OPTIONS) as postgres:
        settings = Settings(database_url=postgres.url)
        migrate(settings)
        tenant_id = _loaded(settings, f"made-{asked.customers}-{asked.seed}", entries)
        if asked.load_only:
            return
        if asked.again:
            _forget(settings, tenant_id)
        print(report(asked.customers, sweep_and_measure(settings, tenant_id, entries)))


def _loaded(settings: Settings, slug: str, entries: list) -> UUID:  # type: ignore[type-arg]
    with psycopg.connect(settings.url("crm_platform")) as platform:
        row = platform.execute("select id from sys_tenants_mst where slug = %s", [slug]).fetchone()
    if row is not None:
        return UUID(str(row[0]))
    began = time.monotonic()
    tenant_id = make_and_load(settings, slug, entries)
    print(f"loaded in {time.monotonic() - began:.0f} s", flush=True)
    return tenant_id


def _forget(settings: Settings, tenant_id: UUID) -> None:
    with psycopg.connect(settings.url("crm_platform")) as platform:
        for table in ("org_customer_duplicates", "org_duplicate_sweeps", "org_name_counts"):
            platform.execute(f"delete from {table} where tenant_org_id = %s".encode(), [tenant_id])


def report(customers: int, swept: Swept) -> str:
    ran = swept.ran
    return "\n".join(
        [
            f"{'customers':36}{customers:>9,}",
            f"{'seconds':36}{ran.seconds:>9.0f}",
            f"{'seconds of CPU, worker':36}{ran.worker_cpu_seconds:>9.0f}",
            f"{'seconds of CPU, scoring process':36}{ran.scoring_cpu_seconds:>9.0f}",
            f"{'memory of both, MB':36}{ran.memory_bytes / 1e6:>9.0f}",
            f"{'pairs scored':36}{swept.compared:>9,}",
            swept.measured.report(),
            f"left out as too common: {swept.left_out or 'nothing'}",
            "seconds a step: " + ", ".join(f"{seconds:.0f}" for _, seconds in ran.steps),
        ]
    )


if __name__ == "__main__":
    main()
