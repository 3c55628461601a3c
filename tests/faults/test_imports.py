"""An import whose worker is killed, beside tills that go on; and a file as large as one may be."""

import itertools
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import psutil

from assurance import Reached
from crm_saas.worker import _STALLED_AFTER_SECONDS
from factories.customers import create_stub, new_phone
from factories.imports import as_csv, upload
from factories.processes import wait_for
from factories.tenants import TestTenant
from faults.installation import Installation, installed
from sizes import sized

ROWS = sized(short=4_000, long=20_000, full=100_000)
KILLS = sized(short=1, long=3)
UPLOAD_BYTES = sized(short=32, long=200) * 1024 * 1024
MEMORY_BYTES_MAX = 300 * 1024 * 1024
SECONDS_MAX = 600
# A heartbeat that is missing for so long, and the minute of the rescue's schedule.
RESCUE_SECONDS_MAX = _STALLED_AFTER_SECONDS + 60 + 90


def test_an_import_survives_kills_of_its_worker(
    installation: Installation, reached: Reached
) -> None:
    tenant = installation.tenant()
    api = tenant.client("owner")
    rows = [["Name", "Phone"], *([f"Amal {n}", new_phone()] for n in range(ROWS))]
    import_id = upload(api, as_csv(rows))["id"]
    assert api.post(f"/imports/{import_id}/run", json={}).status_code == 202
    with tills(tenant) as made:
        for kill in range(KILLS):
            wait_for(
                "some more are there",
                partial(has, api, import_id, ROWS * (2 * kill + 1) // (2 * KILLS + 2)),
                seconds_max=SECONDS_MAX,
            )
            installation.worker.kill()
            installation.worker.start()
        wait_for(
            "the import is done",
            lambda: state(api, import_id)["status"] == "done",
            seconds_max=SECONDS_MAX + RESCUE_SECONDS_MAX * KILLS,
        )
    assert state(api, import_id)["progress"]["counts"] == {"created": ROWS}
    with installation.superuser() as admin:
        numbers = admin.execute(
            "select customer_seq from org_customers_mst where tenant_org_id = %s order by 1",
            [tenant.id],
        ).fetchall()
    assert [n for (n,) in numbers] == list(range(1, ROWS + len(made) + 1))
    assert made, "no till got through"
    reached("rows imported over kills of the worker", ROWS)


def has(api: httpx.Client, import_id: str, rows: int) -> bool:
    return bool(state(api, import_id)["progress"]["counts"].get("created", 0) > rows)


def state(api: httpx.Client, import_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/imports/{import_id}").json()
    return found


class tills:  # noqa: N801 - reads as `with tills(tenant)`
    """A till that makes one customer after the other; nothing of it may fail."""

    def __init__(self, tenant: TestTenant) -> None:
        self._client = tenant.client("pos")
        self._made: list[str] = []
        self._over = threading.Event()
        self._failure: list[BaseException] = []
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        try:
            while not self._over.wait(0.05):
                self._made.append(create_stub(self._client)["id"])
        except BaseException as error:
            self._failure.append(error)

    def __enter__(self) -> list[str]:
        self._thread.start()
        return self._made

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)
        if self._failure:
            raise self._failure[0]


def test_memory_is_flat_while_a_large_file_comes_and_is_imported(reached: Reached) -> None:
    """A notes column of 2,000 characters: the file is large, and its rows are few."""
    with installed(workers=1) as installation:
        tenant = installation.tenant()
        api = tenant.client("owner")
        processes = [
            psutil.Process(installation.server.process.pid),
            psutil.Process(installation.worker.process.pid),
        ]
        peak = Peak([p for each in processes for p in (each, *each.children(recursive=True))])
        with peak:
            answer = api.post("/imports", content=large_file(), timeout=SECONDS_MAX)
            assert answer.status_code == 201, answer.text
            import_id = answer.json()["id"]
            assert api.post(f"/imports/{import_id}/dry-run", json={}).status_code == 202
            wait_for(
                "it is checked",
                lambda: state(api, import_id)["status"] == "checked",
                seconds_max=SECONDS_MAX,
            )
        assert max(peak.of_each) < MEMORY_BYTES_MAX
        reached("MiB of a file imported with flat memory", UPLOAD_BYTES >> 20)


def large_file() -> Iterator[bytes]:
    yield b"Name,Phone,Notes\n"
    size = 0
    for number in itertools.count():
        if size > UPLOAD_BYTES:
            return
        line = b"Amal,9%07d,%s\n" % (number + 1_000_000, b"tea " * 1_200)
        size += len(line)
        yield line


class Peak:
    """The most memory that each process had meanwhile."""

    def __init__(self, processes: list[psutil.Process]) -> None:
        self._processes = processes
        self.of_each = [0] * len(processes)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._over.wait(0.1):
            for place, process in enumerate(self._processes):
                self.of_each[place] = max(self.of_each[place], process.memory_info().rss)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)
