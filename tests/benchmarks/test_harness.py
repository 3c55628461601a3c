"""The benchmark itself works, on a few thousand customers: what it measures there means nothing."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from benchmarks.contest import Bench, contest
from benchmarks.dataset.building import DataSet, build
from benchmarks.dataset.leftovers import remove_leftovers
from benchmarks.dataset.tenants import ensure_keys
from benchmarks.items import create, memory, policies, read, search
from benchmarks.processes import product_and_framework
from benchmarks.results import Row
from benchmarks.sizes import SIZES
from factories.database import new_database
from factories.settings import roomy_settings

TINY = SIZES["tiny"]


@pytest.fixture(scope="module")
def data(
    owner_url: str, server_log: Path | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DataSet]:
    """Migrated by itself, without the trigger that the other tests' databases have."""
    if server_log is None:
        pytest.skip("whose password the superuser of this server has, we do not know")
    password = (server_log.parent / "superuser-password").read_text()
    postgres_pid = int((server_log.parent / "data/postmaster.pid").read_text().split()[0])
    with new_database(owner_url, "bench") as url:
        superuser = make_url(url).set(username="postgres", password=password)
        superuser_url = superuser.render_as_string(hide_password=False)
        settings, folder = roomy_settings(url), tmp_path_factory.mktemp("bench")
        build(superuser_url, settings, TINY, lambda _: None)
        keys = ensure_keys(settings, TINY, folder / "keys.json")
        yield DataSet(TINY, folder, settings, superuser_url, postgres_pid, keys)


@pytest.fixture(scope="module")
def bench(data: DataSet) -> Iterator[Bench]:
    with product_and_framework(
        data.settings, data.superuser_url, data.folder, processes=1
    ) as served:
        yield Bench(data, *served, lambda _: None)


def test_building_again_changes_nothing(data: DataSet) -> None:
    before = counted(data)

    build(data.superuser_url, data.settings, TINY, lambda _: None)

    assert counted(data) == before
    assert before["org_customers_mst"] == TINY.customers


def test_everybody_does_the_same_work(bench: Bench) -> None:
    row = contest(bench, read.work(bench, 2))

    assert_measured(row)


def test_creations_are_made_and_taken_away(bench: Bench, data: DataSet) -> None:
    before = counted(data)
    row = contest(bench, create.work(bench, "create", "create", 2, TINY.tenants, (0, 0)))
    assert_measured(row)
    assert counted(data)["org_customers_mst"] > before["org_customers_mst"]
    assert counted(data)["org_idempotency_keys"] > 0

    remove_leftovers(data.superuser_url, TINY)

    assert counted(data) == before | {"org_idempotency_keys": 0}


def test_each_kind_of_search_is_answered(bench: Bench) -> None:
    mix, *kinds = search.measure(bench)

    assert mix.times and not mix.times.errors, mix.notes
    assert all(kind.times for kind in kinds)


def test_policies_are_compared_with_none(bench: Bench) -> None:
    (row,) = policies.measure(bench)

    assert row.checks[0].reached > 0


def test_memory_is_that_of_three_processes(bench: Bench) -> None:
    (row,) = memory.measure(bench)

    assert row.checks[0].reached > 100


def assert_measured(row: Row) -> None:
    assert row.times and row.of_database and row.of_framework
    assert row.times.errors == 0, row.notes
    assert row.times.per_second > 0
    assert row.of_database.per_second > 0
    assert row.of_framework.per_second > 0


def counted(data: DataSet) -> dict[str, int]:
    tables = ("org_customers_mst", "org_customer_identifiers", "org_idempotency_keys")
    with psycopg.connect(data.superuser_url) as connection:
        return {
            table: connection.execute(f"select count(*) from {table}".encode()).fetchone()[0]  # type: ignore[index]
            for table in tables
        }
