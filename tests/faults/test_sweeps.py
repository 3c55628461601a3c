"""A sweep for duplicates whose worker is killed goes on, loses no pair and writes none twice."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from assurance import Reached
from benchmarks.duplicates import tenant as made
from benchmarks.duplicates.loading import load
from crm_saas.worker import _STALLED_AFTER_SECONDS
from factories.database import as_role
from factories.processes import wait_for
from factories.tenants import TestTenant
from faults.installation import Installation
from sizes import sized

CUSTOMERS = sized(short=8_000, long=40_000, full=200_000)
KILLS = sized(short=1, long=8)
SECONDS_MAX = 900
# A heartbeat that is missing for so long, and the minute of the rescue's schedule.
RESCUE_SECONDS_MAX = _STALLED_AFTER_SECONDS + 60 + 90
Pair = tuple[str, str, float]


@pytest.fixture
def crowded(installation: Installation) -> Iterator[TestTenant]:
    """With customers of whom nobody was compared yet."""
    tenant = installation.tenant()
    owner = installation.settings.owner_url.set(drivername="postgresql")
    load(
        owner.render_as_string(hide_password=False),
        tenant.id,
        list(made.make_tenant(CUSTOMERS)),
    )
    yield tenant


def test_a_sweep_survives_kills_of_its_worker(
    installation: Installation, crowded: TestTenant, reached: Reached
) -> None:
    api = crowded.client("owner")
    undisturbed = swept(installation, crowded, api, start(api))
    with as_role(installation.settings) as platform:
        platform.execute(
            "delete from org_customer_duplicates where tenant_org_id = %s", [crowded.id]
        )
    sweep = start(api)
    kill_within_a_step(installation, crowded, api, sweep)
    for kill in range(1, KILLS):
        wanted = len(undisturbed) * kill // KILLS
        wait_for(
            "some more are written",
            lambda wanted=wanted: len(written(installation, crowded)) > wanted,
            seconds_max=SECONDS_MAX,
        )
        installation.worker.kill()
        assert state(api, sweep)["status"] == "running", "the kill came too late"
        installation.worker.start()
    assert swept(installation, crowded, api, sweep) == undisturbed
    assert noted(api, sweep) == len(undisturbed)
    reached("kills of a worker in a sweep for duplicates", KILLS)


def kill_within_a_step(
    installation: Installation, tenant: TestTenant, api: httpx.Client, sweep: str
) -> None:
    """Between what a step writes and its end, which waits for a lock meanwhile."""
    with installation.superuser() as admin:
        while True:
            with admin.transaction():
                admin.execute(
                    "select 1 from org_duplicate_sweeps where id = %s for update", [sweep]
                )
                wait_for("a step ends", partial(somebody_waits, admin), seconds_max=SECONDS_MAX)
                if state(api, sweep)["found"] < len(written(installation, tenant)):
                    installation.worker.kill()
                    break  # one that found nothing has nothing to lose
    installation.worker.start()


def somebody_waits(admin: psycopg.Connection[Any]) -> bool:
    waiting = admin.execute(
        "select 1 from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid))"
    )
    return waiting.fetchone() is not None


def start(api: httpx.Client) -> str:
    answer = api.post("/duplicates/sweeps")
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def swept(
    installation: Installation, tenant: TestTenant, api: httpx.Client, sweep: str
) -> list[Pair]:
    """What is suggested when the sweep is done."""
    wait_for(
        "the sweep is done",
        lambda: state(api, sweep)["status"] == "done",
        seconds_max=SECONDS_MAX + RESCUE_SECONDS_MAX * KILLS,
    )
    return written(installation, tenant)


def state(api: httpx.Client, sweep: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/duplicates/sweeps/{sweep}").json()
    return found


def written(installation: Installation, tenant: TestTenant) -> list[Pair]:
    with installation.superuser() as admin:
        return admin.execute(
            "select customer_a::text, customer_b::text, score from org_customer_duplicates"
            " where tenant_org_id = %s and status = 'open' order by 1, 2",
            [tenant.id],
        ).fetchall()


def noted(api: httpx.Client, sweep: str) -> int:
    """How many suggestions the events of a sweep tell of: each is in one."""
    query = {"kind": "duplicates.found", "limit": 200}
    items = api.get("/audit", params=query).json()["items"]
    ours = [item for item in items if item["subjectId"] == sweep]
    return sum(item["after"]["suggestions"] for item in ours)
