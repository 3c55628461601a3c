"""A database that is slow, locked, crowded or full, and not gone."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from assurance import Reached
from crm_saas.kit.lending import LOAN_SECONDS_MAX
from crm_saas.kit.postgres.binaries import account_for
from factories.customers import new_name, new_phone
from factories.database import as_role
from factories.processes import wait_for
from factories.tenants import TestTenant
from faults.installation import Installation, installed
from faults.load import under_load
from sizes import sized

LOCK_SECONDS = sized(short=8, long=60)
FROZEN = 3
DISK_BYTES = 48 << 20
HEALTH_SECONDS_MAX = 15


def test_a_frozen_backend_holds_up_one_request_for_a_bounded_time(
    installation: Installation, reached: Reached
) -> None:
    with under_load(installation) as load:
        load.await_answers(20)
        frozen = installation.backends()[:FROZEN]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            load.await_answers(50)  # the others go on
            wait_for(
                "a request met a frozen backend and was answered",
                lambda: load.slowest > LOAN_SECONDS_MAX * 0.9,
                seconds_max=4 * LOAN_SECONDS_MAX,
            )
            load.await_answers(50)
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        wait_for(
            "the pool let go of what was frozen",
            lambda: not set(frozen) & set(installation.backends()),
            seconds_max=4 * LOAN_SECONDS_MAX,
        )
        load.await_answers(20)
    reached("frozen backends of PostgreSQL", len(frozen))
    reached("a request that met a frozen backend was answered after", f"{load.slowest:.0f} s")


def test_a_lock_that_is_held_for_long_harms_its_tenant_alone(
    installation: Installation, reached: Reached
) -> None:
    with under_load(installation) as load:
        held, free = load.tills
        load.await_answers(20)
        with number_lock(held.tenant):
            ends_at = time.monotonic() + LOCK_SECONDS
            while time.monotonic() < ends_at:
                load.await_answers(10)
                answer = held.tenant.client("pos").get("/customers?limit=1")
                assert answer.status_code == 200
        load.await_answers(20)
    assert set(held.refusals) == {"503"}
    assert not free.refusals
    assert load.slowest < 15  # lock_timeout of crm_app is 5 s
    reached("seconds for which a lock was held", LOCK_SECONDS)


@contextmanager
def number_lock(tenant: TestTenant) -> Iterator[None]:
    """The row that each of a tenant's new customers needs."""
    with as_role(tenant.server.settings) as holder, holder.transaction():
        holder.execute(
            "select from org_number_counters where tenant_org_id = %s for update", [tenant.id]
        )
        yield


@pytest.fixture(scope="module")
def small() -> Iterator[Installation]:
    """One process with two connections, which the last test here takes its disk from."""
    with installed(workers=1, environment={"CRM_POOL_SIZE": "2"}) as running:
        yield running


def test_an_exhausted_pool_says_so_and_health_stays_true(
    small: Installation, reached: Reached
) -> None:
    """By two tenants: one alone gets half of the connections at the most."""
    installation, tenants = small, [small.tenant() for _ in range(2)]
    tills = [tenant.client("pos") for tenant in tenants]
    with ThreadPoolExecutor(12) as pool, number_lock(tenants[0]), number_lock(tenants[1]):
        asked = [pool.submit(create, till) for till in tills for _ in range(6)]
        while not all(answer.done() for answer in asked):
            for path in ("live", "ready"):
                health = httpx.get(f"{installation.url}/health/{path}", timeout=60)
                assert health.status_code == 200, health.text
                assert health.elapsed.total_seconds() < HEALTH_SECONDS_MAX
        answers = [answer.result() for answer in asked]
    assert {answer.status_code for answer in answers} == {503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
    assert any(answer.json()["type"].endswith("/overloaded") for answer in answers)
    assert {create(till).status_code for till in tills} == {201}
    assert "request failed" not in installation.server.log()
    reached("requests refused by an exhausted pool, each with Retry-After", len(answers))


def create(till: httpx.Client) -> httpx.Response:
    return till.post("/customers", json={"name": new_name(), "phone": new_phone()})


def test_a_full_disk_refuses_writes_and_serves_reads(small: Installation, reached: Reached) -> None:
    installation = small
    with small_disk(installation) as disk:
        with installation.superuser() as admin:
            admin.execute(f"create tablespace small location '{disk}'".encode())
            admin.execute("alter table org_customers_mst set tablespace small")
            admin.execute("create table ballast (filling text) tablespace small")
        with under_load(installation) as load:
            load.await_answers(20)
            fill(installation)
            wait_for("the disk is full", lambda: load.refusals["503"] >= 20, seconds_max=60)
            held = load.tills[0]
            reading = held.tenant.client("pos")
            assert reading.get("/customers?limit=1").status_code == 200
            known = next(write for write in held.ledger if write.answer is not None)
            assert reading.get(f"/customers/{known.customer['id']}").status_code == 200
            refused = create(reading)
            assert refused.status_code == 503, refused.text
            assert "no room" in refused.json()["detail"]
            assert int(refused.headers["Retry-After"]) >= 1
            with installation.superuser() as admin:
                admin.execute("drop table ballast")
            load.await_answers(20)
        with installation.superuser() as admin:
            admin.execute("alter table org_customers_mst set tablespace pg_default")
            admin.execute("drop tablespace small")
        assert "request failed" not in installation.server.log()
    reached("writes refused by a full disk", load.refusals["503"])


@contextmanager
def small_disk(installation: Installation) -> Iterator[Path]:
    """A file system of its own with room for little, PostgreSQL's."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount the small file system that fills up")
    place = installation.folder / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    mounted = subprocess.run(mount, capture_output=True, text=True, timeout=10)
    if mounted.returncode != 0:
        pytest.skip(f"this machine lets nobody mount: {mounted.stderr.strip()}")
    try:
        account = account_for(installation.folder / "postgres" / "data")
        assert account is not None
        os.chown(place, account.uid, account.gid)
        yield place
    finally:
        installation.server.end()
        installation.postgres.stop()
        subprocess.run(["umount", str(place)], check=True, capture_output=True, timeout=10)
        shutil.rmtree(place)


def fill(installation: Installation) -> None:
    """Until nothing goes in any more; each insert is its own transaction, down to single rows."""
    with installation.superuser() as admin:
        for count in (1000, 100, 10, 1):
            try:
                while True:
                    admin.execute(
                        "insert into ballast select repeat(md5(random()::text), 60)"
                        " from generate_series(1, %s)",
                        [count],
                    )
            except psycopg.errors.DiskFull:
                continue
