"""All of a tenant's customers are compared, once, whatever happens to the worker (SPEC 5.1)."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from crm_saas.kit.db import Database
from crm_saas.kit.settings import Settings
from crm_saas.merges import sweeping, tasks
from crm_saas.merges.keeping import KEPT_MAX
from crm_saas.merges.schemas import DISMISSED_AT_ONCE
from crm_saas.merges.sweeps import JOB
from crm_saas.tenancy.registry import job_context
from factories.customers import create_stub
from factories.database import as_role, rows
from factories.merges import merge
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant

RunJobs = Callable[[], None]


@pytest.fixture
def tenant(fresh_server: Server) -> Iterator[TestTenant]:
    with make_tenant(fresh_server) as made:
        yield made


@pytest.fixture
def api(tenant: TestTenant) -> httpx.Client:
    return tenant.client("manager")


def start(api: httpx.Client) -> dict[str, Any]:
    answer = api.post("/duplicates/sweeps")
    assert answer.status_code == 202, answer.text
    started: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api/v1/duplicates/sweeps/{started['id']}"
    return started


def read(api: httpx.Client, sweep: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/duplicates/sweeps/{sweep['id']}").json()
    return found


def forget_changes(settings: Settings) -> None:
    """As if the customers had come before anything was compared."""
    with as_role(settings) as connection:
        connection.execute("delete from org_customers_to_compare")


def suggested(api: httpx.Client, **query: Any) -> list[set[str]]:
    items = api.get("/duplicates", params=query).json()["items"]
    return [{customer["id"] for customer in item["customers"]} for item in items]


PHONE, OTHER_PHONE = "+96894817365", "+96897153628"
ALIKE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"name": "Zainab Al Lawati", "phone": PHONE},
        {"name": "Zainab Al Lawati", "phone": "+96894819365"},
    ),
    (
        {"name": "Badr Al Kharusi", "phone": OTHER_PHONE},
        {"name": "Badr Al Kharusi", "phone": "+96897156328"},
    ),
    (
        {"name": "Huda Al Shibli", "dateOfBirth": "1990-03-04"},
        {"name": "Shibli Huda", "dateOfBirth": "1990-04-03"},
    ),
    (
        {"name": "Jokha Baomar", "email": "jokha.baomar77@example.com"},
        {"name": "Jokha Baomar", "email": "jokha.baomar77@example.org"},
    ),
    (
        {"name": "Qais Al Toobi", "email": "qais.toobi@example.com"},
        {"name": "Qais Al Toobi", "email": "qaistoobi@example.com"},
    ),
    ({"name": "Khalid Al Maamari"}, {"name": "خالد المعمري"}),
]


def make_pairs(api: httpx.Client) -> list[set[str]]:
    """By each kind of key one pair, and nobody else."""
    return [{create_stub(api, **one)["id"], create_stub(api, **two)["id"]} for one, two in ALIKE]


def test_finds_each_kind_of_pair_and_nobody_else(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    pairs = make_pairs(api)
    create_stub(api, name="Salma Al Habsi")
    forget_changes(settings)
    sweep = start(api)
    assert (sweep["status"], sweep["progress"]) == ("running", 0)
    run_jobs()
    done = read(api, sweep)
    assert (done["status"], done["progress"], done["customers"]) == ("done", 1, 13)
    assert done["found"] == len(pairs) <= done["compared"]
    found = suggested(api)
    assert sorted(map(sorted, found)) == sorted(map(sorted, pairs))
    kinds = ["duplicates.sweep_started", "duplicates.sweep_ended", "duplicates.found"]
    for kind in kinds:
        assert api.get("/audit", params={"kind": kind}).json()["items"], kind
    assert api.get("/duplicates/sweeps").json()["items"] == [done]


def test_finds_what_the_look_after_a_change_finds(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    make_pairs(api)
    run_jobs()
    looked = api.get("/duplicates").json()["items"]
    assert len(looked) == 6
    start(api)
    run_jobs()
    assert api.get("/duplicates").json()["items"] == looked
    assert api.get("/audit", params={"kind": "duplicates.found"}).json()["items"] == []


def test_one_at_a_time_and_then_another(api: httpx.Client, run_jobs: RunJobs) -> None:
    create_stub(api)
    sweep = start(api)
    refused = api.post("/duplicates/sweeps")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (
        409,
        "sweep-running",
    )
    run_jobs()
    assert read(api, sweep)["status"] == "done"
    start(api)


def test_dismissed_and_merged_stay_so(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    one, two, three, four = (create_stub(api, name="Salim Al Harthy") for _ in range(4))
    forget_changes(settings)
    start(api)
    run_jobs()
    assert len(suggested(api)) == 6
    items = api.get(f"/customers/{one['id']}/duplicates").json()["items"]
    ids = [i["id"] for i in items if {c["id"] for c in i["customers"]} <= {one["id"], two["id"]}]
    assert api.post("/duplicates/dismiss", json={"ids": ids}).status_code == 200
    merge(api, three, four)
    forget_changes(settings)
    start(api)
    run_jobs()
    left = suggested(api)
    assert {one["id"], two["id"]} not in left
    assert not any(three["id"] in pair for pair in left)
    assert len(left) == 2


def test_two_are_not_suggested_again_for_having_been_merged_on(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    """Whoever is the first now was told from the second then, by whatever name it came there."""
    first, second = (create_stub(api, name="Salim Al Harthy") for _ in range(2))
    run_jobs()
    (found,) = api.get("/duplicates").json()["items"]
    assert api.post("/duplicates/dismiss", json={"ids": [found["id"]]}).status_code == 200
    third, fourth = (create_stub(api, name="Salim Al Harthy") for _ in range(2))
    merge(api, first, third)
    run_jobs()
    assert {fourth["id"], second["id"]} in suggested(api)
    merge(api, third, fourth)
    forget_changes(settings)
    start(api)
    run_jobs()
    assert suggested(api) == []


def test_what_is_not_alike_any_more_is_dropped(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    create_stub(api, name="Salim Al Harthy")
    two = create_stub(api, name="Salim Al Harthy")
    run_jobs()
    assert len(suggested(api)) == 1
    api.patch(f"/customers/{two['id']}", json={"name": "Khalid Al Rawahi"})
    forget_changes(settings)
    sweep = start(api)
    run_jobs()
    assert suggested(api) == []
    assert read(api, sweep)["dropped"] == 1


def test_cancelled_it_stops_and_keeps_what_it_found(
    api: httpx.Client, tenant: TestTenant, settings: Settings, run_jobs: RunJobs
) -> None:
    make_pairs(api)
    forget_changes(settings)
    sweep = start(api)
    for _ in range(3):
        asyncio.run(take_step(settings, tenant))
    part = read(api, sweep)
    assert 0 < part["progress"] < 1
    for _ in range(2):
        answer = api.post(f"/duplicates/sweeps/{sweep['id']}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    run_jobs()
    after = read(api, sweep)
    assert after == part | {"status": "cancelled", "endedAt": after["endedAt"]}
    done = start(api)
    run_jobs()
    over = api.post(f"/duplicates/sweeps/{done['id']}/cancel")
    assert (over.status_code, over.json()["type"].rpartition("/")[2]) == (409, "sweep-over")


def test_cancelled_in_the_middle_of_a_step_nothing_more_is_written(
    api: httpx.Client, tenant: TestTenant, settings: Settings
) -> None:
    make_pairs(api)
    forget_changes(settings)
    sweep = start(api)

    async def cancel_while_stepping() -> None:
        database = Database(settings)
        async with job_context(database, tenant.id, JOB) as context:
            running = await tasks.find_running(context)
            assert running is not None
            await asyncio.to_thread(api.post, f"/duplicates/sweeps/{sweep['id']}/cancel")
            with pytest.raises(sweeping.SweepEnded):
                await sweeping.take_step(context, running)
        await database.close()

    asyncio.run(take_step(settings, tenant))
    asyncio.run(cancel_while_stepping())
    assert suggested(api) == []


def test_a_step_that_died_is_done_again_to_the_same_end(
    api: httpx.Client, tenant: TestTenant, settings: Settings, run_jobs: RunJobs
) -> None:
    """After its suggestions were written, before the step counted as done."""
    pairs = make_pairs(api)
    forget_changes(settings)
    sweep = start(api)
    for _ in range(4):
        asyncio.run(take_step(settings, tenant))
    with as_role(settings) as connection:
        connection.execute("update org_duplicate_sweeps set step = step - 3")
    run_jobs()
    assert read(api, sweep)["status"] == "done"
    assert sorted(map(sorted, suggested(api))) == sorted(map(sorted, pairs))


def test_a_lost_job_is_found_again(
    api: httpx.Client, settings: Settings, owner_connection: psycopg.Connection, run_jobs: RunJobs
) -> None:
    create_stub(api)
    sweep = start(api)
    owner_connection.execute("truncate jobs.procrastinate_jobs cascade")
    run_jobs()
    assert read(api, sweep)["status"] == "done"


def test_after_an_import_a_sweep_is_done_instead(
    api: httpx.Client,
    settings: Settings,
    run_jobs: RunJobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "SWEPT_INSTEAD", 2)
    pairs = make_pairs(api)
    run_jobs()
    assert api.get("/duplicates/sweeps").json()["items"] == []  # more of them may come
    with as_role(settings) as connection:
        connection.execute(
            "update org_customers_to_compare set noted_at = now() - interval '5 min'"
        )
    run_jobs()
    (sweep,) = api.get("/duplicates/sweeps").json()["items"]
    assert (sweep["status"], sweep["startedByName"]) == ("done", "merges.compare")
    assert len(suggested(api)) == len(pairs)
    assert rows(settings, "select id from org_customers_to_compare") == []


def test_a_till_that_never_rests_puts_the_sweep_off_for_a_while(
    api: httpx.Client,
    settings: Settings,
    run_jobs: RunJobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "_SWEPT_FROM", 2)
    pairs = make_pairs(api)
    age = (
        "update org_customers_to_compare set noted_at = now() - cast(%s as interval)"
        " where id = any(%s)"
    )
    for waited, sweeps in (("14 min", 0), ("16 min", 1)):
        with as_role(settings) as connection:
            connection.execute(age, [waited, [a for a, _ in pairs]])
        create_stub(api)
        run_jobs()
        assert len(api.get("/duplicates/sweeps").json()["items"]) == sweeps
    found = suggested(api)
    assert all(pair in found for pair in pairs)


def test_blocks_too_large_are_counted(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    """Sixty-one who are born on one day and have one word in common: nobody compares each."""
    for place in range(61):
        create_stub(api, name=f"Salim {chr(98 + place % 20)}o{place:x}d", dateOfBirth="1990-01-01")
    forget_changes(settings)
    sweep = start(api)
    run_jobs()
    assert read(api, sweep)["leftOut"]["birthDate"] == {
        "blocks": 1, "customers": 61, "suggestions": 0
    }  # fmt: skip


def test_a_customer_has_so_many_suggestions(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    twin = {"name": "Zuwaina Al Gheilani", "dateOfBirth": "1980-02-03"}
    made = [create_stub(api, **twin) for _ in range(KEPT_MAX + 3)]
    run_jobs()
    forget_changes(settings)
    start(api)
    run_jobs()
    held = Counter(customer for pair in suggested(api) for customer in pair)
    assert set(held) <= {customer["id"] for customer in made}
    assert max(held.values()) == KEPT_MAX


def test_a_tenant_has_so_many_suggestions(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "OPEN_MAX", 2)
    make_pairs(api)
    forget_changes(settings)
    sweep = start(api)
    run_jobs()
    swept = read(api, sweep)
    assert (swept["found"], len(suggested(api))) == (2, 2)
    assert sum(left["suggestions"] for left in swept["leftOut"].values()) >= 4


def test_bounds(api: httpx.Client) -> None:
    ids = [str(uuid4()) for _ in range(DISMISSED_AT_ONCE + 1)]
    assert api.post("/duplicates/dismiss", json={"ids": ids}).status_code == 422
    assert api.post("/duplicates/dismiss", json={"ids": []}).status_code == 422
    assert api.post("/duplicates/dismiss", json={"ids": ids[1:]}).status_code == 404


def test_dismissed_together_or_not_at_all(
    api: httpx.Client, tenant: TestTenant, run_jobs: RunJobs
) -> None:
    make_pairs(api)
    run_jobs()
    ids = [item["id"] for item in api.get("/duplicates").json()["items"]]
    missing = api.post("/duplicates/dismiss", json={"ids": [*ids, str(uuid4())]})
    assert missing.status_code == 404
    assert len(suggested(api)) == len(ids)
    assert tenant.client("pos").post("/duplicates/dismiss", json={"ids": ids}).status_code == 403
    done = api.post("/duplicates/dismiss", json={"ids": ids})
    assert {item["status"] for item in done.json()["items"]} == {"dismissed"}
    assert suggested(api) == []


def test_only_owners_and_managers_sweep(api: httpx.Client, tenant: TestTenant) -> None:
    sweep = start(api)
    tenant.member("sales_manager", team="north")
    for role, options in (("sales_manager", {"team": "north"}), ("pos", {}), ("auditor", {})):
        client = tenant.client(role, **options)
        for answer in (
            client.post("/duplicates/sweeps"),
            client.get("/duplicates/sweeps"),
            client.get(f"/duplicates/sweeps/{sweep['id']}"),
            client.post(f"/duplicates/sweeps/{sweep['id']}/cancel"),
        ):
            assert answer.status_code == 403, role


def test_another_tenants_is_like_none_and_another_tenants_customers_are_never_compared(
    api: httpx.Client, tenant: TestTenant, settings: Settings, run_jobs: RunJobs
) -> None:
    name = {"name": "Zuwaina Al Gheilani", "dateOfBirth": "1980-02-03"}
    create_stub(api, **name)
    sweep = start(api)
    with make_tenant(tenant.server) as stranger:
        theirs = stranger.client()
        create_stub(theirs, **name)
        forget_changes(settings)
        assert theirs.get(f"/duplicates/sweeps/{sweep['id']}").status_code == 404
        assert theirs.post(f"/duplicates/sweeps/{sweep['id']}/cancel").status_code == 404
        assert theirs.get("/duplicates/sweeps").json()["items"] == []
        start(theirs)
        run_jobs()
        assert suggested(theirs) == []
    assert suggested(api) == []
    assert read(api, sweep)["customers"] == 1


def test_by_score_and_by_evidence(api: httpx.Client, settings: Settings, run_jobs: RunJobs) -> None:
    make_pairs(api)
    run_jobs()
    items = api.get("/duplicates").json()["items"]
    for kind in {item["evidence"][0]["kind"] for item in items}:
        expected = [item for item in items if item["evidence"][0]["kind"] == kind]
        assert api.get("/duplicates", params={"evidence": kind}).json()["items"] == expected
    bar = items[2]["score"]
    likely = api.get("/duplicates", params={"minScore": bar}).json()["items"]
    assert likely == [item for item in items if item["score"] >= bar]
    refused = api.get("/duplicates", params={"evidence": "hearsay"})
    assert refused.status_code in {400, 422}


async def take_step(settings: Settings, tenant: TestTenant) -> None:
    database = Database(settings)
    async with job_context(database, tenant.id, JOB) as context:
        await tasks.sweep(context)
    await database.close()
