"""What is too much for one request: piece by piece, as who asked for it, and through a crash."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from bulk.doing import bulk, read, signed_in
from crm_saas.bulk import service
from crm_saas.bulk.tasks import forget_everywhere
from crm_saas.kit.db import Database
from crm_saas.worker import open_queue
from factories.customers import create_stub
from factories.database import rows
from factories.tenants import TestTenant


def test_a_job_goes_on_piece_by_piece(shop: TestTenant, run_jobs: Callable[[], None]) -> None:
    api = shop.client("manager")
    ids = [create_stub(api)["id"] for _ in range(8)]
    started = bulk(api, "deactivate", filter={"status": "active"})
    assert (started["status"], started["matched"], started["changed"]) == ("waiting", 8, 0)
    later = create_stub(api)["id"]
    assert read(api, ids[0])["status"] == "active"

    run_jobs()

    done = api.get(f"/customers/bulk/{started['id']}").json()
    assert (done["status"], done["changed"], done["refused"]) == ("done", 8, 0)
    assert {read(api, i)["status"] for i in ids} == {"inactive"}
    assert read(api, later)["status"] == "active", "who came after it began is not meant"
    query = (
        "select count(*) from org_events"
        " where tenant_org_id = %s and kind = 'customers.bulk_deactivated'"
    )
    assert rows(shop.server.settings, query, shop.id) == [(3,)]


def test_a_crash_costs_the_piece_that_it_interrupts(
    shop: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third piece dies after its changes; run again, each customer is changed once."""
    api = shop.client("manager")
    ids = [create_stub(api)["id"] for _ in range(8)]
    started = bulk(api, "edit", customerIds=ids, changes={"locale": "ar"})
    pieces = iter([False, False, True])
    enqueue = service.enqueue

    async def dying(context: Any, *arguments: Any, **options: Any) -> int:
        if next(pieces, False):
            raise RuntimeError("the power is gone")
        return await enqueue(context, *arguments, **options)

    async def until_the_crash() -> None:
        async with open_queue(shop.server.settings) as queue:
            await queue.run_pending()

    monkeypatch.setattr(service, "enqueue", dying)
    next(pieces)
    with pytest.raises(ExceptionGroup, match="jobs failed"):
        asyncio.run(until_the_crash())
    half = api.get(f"/customers/bulk/{started['id']}").json()
    assert (half["status"], half["changed"]) == ("running", 3)

    monkeypatch.setattr(service, "enqueue", enqueue)
    rows_due = "update jobs.procrastinate_jobs set scheduled_at = null where status = 'todo'"
    _as_owner(shop, rows_due)
    asyncio.run(until_the_crash())
    done = api.get(f"/customers/bulk/{started['id']}").json()
    assert (done["status"], done["changed"], done["unchanged"]) == ("done", 8, 0)


def _as_owner(shop: TestTenant, statement: str) -> None:
    with psycopg.connect(shop.server.settings.database_url, autocommit=True) as owner:
        owner.execute(statement.encode())


def test_a_job_sees_no_more_than_who_asked_for_it(
    shop: TestTenant, run_jobs: Callable[[], None]
) -> None:
    seller, manager = signed_in(shop, "sales_manager", team="Ruwi"), shop.client("manager")
    own = [create_stub(seller)["id"] for _ in range(4)]
    foreign = [create_stub(manager)["id"] for _ in range(4)]
    by_filter = bulk(seller, "edit", filter={}, changes={"locale": "ar"})
    by_ids = bulk(seller, "deactivate", customerIds=own + foreign)

    run_jobs()

    for started, changed, refused in ((by_filter, 4, 0), (by_ids, 4, 4)):
        done = manager.get(f"/customers/bulk/{started['id']}").json()
        assert (done["status"], done["changed"], done["refused"]) == ("done", changed, refused)
    assert {(read(manager, i)["locale"], read(manager, i)["status"]) for i in foreign} == {
        (None, "active")
    }


def test_a_revoked_key_stops_its_work(shop: TestTenant, run_jobs: Callable[[], None]) -> None:
    owner, api = shop.client("owner"), shop.client("manager")
    ids = [create_stub(owner)["id"] for _ in range(4)]
    started = bulk(api, "deactivate", customerIds=ids)
    [key] = [k for k in owner.get("/keys").json()["items"] if k["role"] == "manager"]
    owner.delete(f"/keys/{key['id']}")

    run_jobs()

    stopped = owner.get(f"/customers/bulk/{started['id']}").json()
    assert (stopped["status"], stopped["changed"]) == ("stopped", 0)
    assert {read(owner, i)["status"] for i in ids} == {"active"}


def test_it_can_be_stopped(shop: TestTenant, run_jobs: Callable[[], None]) -> None:
    api = shop.client("manager")
    ids = [create_stub(api)["id"] for _ in range(4)]
    started = bulk(api, "deactivate", customerIds=ids)
    path = f"/customers/bulk/{started['id']}"
    assert api.post(f"{path}/stop").json()["status"] == "stopped"
    run_jobs()
    assert {read(api, i)["status"] for i in ids} == {"active"}
    again = api.post(f"{path}/stop")
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "bulk-over")
    assert api.get(f"/customers/bulk/{uuid4()}").status_code == 404


def test_a_till_stops_no_work(shop: TestTenant) -> None:
    api, till = shop.client("manager"), shop.client("pos")
    ids = [create_stub(api)["id"] for _ in range(4)]
    started = bulk(api, "deactivate", customerIds=ids)
    for answer in (
        till.get("/customers/bulk"),
        till.get(f"/customers/bulk/{started['id']}"),
        till.post(f"/customers/bulk/{started['id']}/stop"),
    ):
        assert answer.status_code == 403
    assert api.get(f"/customers/bulk/{started['id']}").json()["status"] == "waiting"


def test_what_is_left_of_a_first_piece_is_done_by_a_job(
    shop: TestTenant, run_jobs: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "AT_ONCE_MAX", 10)
    api = shop.client("manager")
    ids = [create_stub(api)["id"] for _ in range(5)]
    started = bulk(api, "deactivate", customerIds=ids)
    assert (started["status"], started["changed"]) == ("running", 3)
    run_jobs()
    done = api.get(f"/customers/bulk/{started['id']}").json()
    assert (done["status"], done["changed"]) == ("done", 5)


def test_a_tenant_has_so_much_of_it(shop: TestTenant, run_jobs: Callable[[], None]) -> None:
    api = shop.client("manager")
    ids = [create_stub(api)["id"] for _ in range(4)]
    for _ in range(service.UNFINISHED_MAX):
        bulk(api, "edit", customerIds=ids, changes={"locale": "ar"})
    body = {"verb": "deactivate", "customerIds": ids}
    answer = api.post("/customers/bulk", json=body)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "too-much-bulk")
    run_jobs()
    assert {read(api, i)["status"] for i in ids} == {"active"}
    assert api.post("/customers/bulk", json=body).status_code == 201


def test_work_that_comes_at_once_is_counted_one_after_the_other(
    shop: TestTenant, run_jobs: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "UNFINISHED_MAX", 1)
    api = shop.client("manager")
    body = {"verb": "deactivate", "customerIds": [create_stub(api)["id"] for _ in range(4)]}
    with ThreadPoolExecutor(8) as at_once:
        sent = [at_once.submit(api.post, "/customers/bulk", json=body) for _ in range(8)]
        answers = Counter(answer.result().status_code for answer in sent)
    assert answers == {201: 1, 409: 7}
    run_jobs()


def test_what_was_done_long_ago_is_forgotten(
    shop: TestTenant, run_jobs: Callable[[], None]
) -> None:
    """Whom it meant and what they were given, also where it never ended."""
    api = shop.client("manager")
    made = create_stub(api)["id"]
    done, lost, kept = (bulk(api, "deactivate", customerIds=[made])["id"] for _ in range(3))
    ages = (
        f"update org_bulk_jobs set finished_at = now() - interval '31 days' where id = '{done}';"
        " update org_bulk_jobs set status = 'running', finished_at = null,"
        f" updated_at = now() - interval '31 days' where id = '{lost}'"
    )
    _as_owner(shop, _without_a_trace("org_bulk_jobs", ages))

    async def nightly() -> None:
        platform = Database(shop.server.settings, "crm_platform")
        try:
            await forget_everywhere(platform)
        finally:
            await platform.close()

    asyncio.run(nightly())
    run_jobs()
    assert [job["id"] for job in api.get("/customers/bulk").json()["items"]] == [kept]
    trail = shop.client("owner").get("/audit", params={"kind": "customers.bulk_forgotten"})
    assert trail.status_code == 200, trail.text
    assert len(trail.json()["items"]) == 1


def test_how_many_are_meant_is_null_where_nobody_counted(
    shop: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_slow(*_: Any) -> Any:
        return service.listing.Count(None, is_capped=False)

    monkeypatch.setattr(service, "_count", too_slow)
    api = shop.client("manager")
    started = bulk(api, "deactivate", filter={})
    assert started["matched"] is None
    assert api.get(f"/customers/bulk/{started['id']}").json()["matched"] is None


@pytest.mark.parametrize("is_checked", [True, False], ids=["checked", "refused by the database"])
def test_what_cannot_be_done_any_longer_ends(
    shop: TestTenant,
    run_jobs: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    is_checked: bool,
) -> None:
    """A team may go, and a scope become narrower, between two pieces."""
    owner, api = shop.client("owner"), shop.client("manager")
    ruwi, seeb = (owner.post("/teams", json={"name": n}).json()["id"] for n in ("Ruwi", "Seeb"))
    ids = [create_stub(api)["id"] for _ in range(4)]
    bulk(owner, "edit", customerIds=ids[:3], changes={"teamId": seeb})
    to_a_team = bulk(owner, "assign", customerIds=ids, changes={"teamId": ruwi})
    out_of_reach = bulk(api, "assign", customerIds=ids[:1] + ids, changes={"teamId": None})
    _as_owner(shop, _without_a_trace("org_teams", f"delete from org_teams where id = '{ruwi}'"))
    narrow = (
        f"update org_api_keys set staff_scope = 'team', team_id = '{seeb}'"
        f" where tenant_org_id = '{shop.id}' and role = 'manager'"
    )
    _as_owner(shop, _without_a_trace("org_api_keys", narrow))
    if not is_checked:

        async def unchecked(*_: Any) -> None:
            return None

        monkeypatch.setattr(service, "check_assignment", unchecked)

    run_jobs()

    for started in (to_a_team, out_of_reach):
        ended = owner.get(f"/customers/bulk/{started['id']}").json()
        assert (ended["status"], ended["changed"]) == ("stopped", 0)
        assert ended["finishedAt"] is not None
        assert ("The database refuses it" in ended["reason"]) is not is_checked


def _without_a_trace(table: str, statement: str) -> str:
    """As no verb of ours does it."""
    return f"""
        alter table {table} no force row level security;
        alter table {table} disable trigger user;
        {statement};
        alter table {table} enable trigger user;
        alter table {table} force row level security
    """
