"""Many customers at once: who is changed, who refused, what is recorded, what a crash costs."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from crm_saas.bulk import chunks, service
from crm_saas.bulk.schemas import IDS_MAX
from crm_saas.worker import open_queue
from factories.customers import create_guest, create_stub
from factories.database import rows
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant


def bulk(api: httpx.Client, verb: str, **body: Any) -> dict[str, Any]:
    answer = api.post("/customers/bulk", json={"verb": verb} | body)
    assert answer.status_code == 201, answer.text
    done: dict[str, Any] = answer.json()
    return done


def read(api: httpx.Client, customer_id: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/customers/{customer_id}").json()
    return found


@pytest.fixture
def api(tenant: TestTenant) -> httpx.Client:
    return tenant.client("manager")


def test_an_edit_changes_those_that_differ(api: httpx.Client) -> None:
    field = {"key": "tier", "label": "Tier", "kind": "text", "filterable": True}
    api.post("/custom-fields", json=field)
    ids = [create_stub(api)["id"] for _ in range(3)]
    api.patch(f"/customers/{ids[0]}", json={"journeyStage": "lead"})
    changes = {"journeyStage": "lead", "industry": "Perfume"}
    first = bulk(api, "edit", customerIds=ids[:1], changes={"journeyStage": "lead"})
    assert (first["changed"], first["unchanged"]) == (0, 1)

    done = bulk(api, "edit", customerIds=[*ids, ids[0]], changes=changes)
    assert done | {"status": "done", "matched": 3, "changed": 3, "refused": 0} == done
    assert done["changes"] == changes
    for customer in (read(api, i) for i in ids):
        assert customer | changes == customer
    tagged = bulk(api, "edit", filter={"industry": "Perfume"}, changes={
        "customFields": {"tier": "Gold"}
    })  # fmt: skip
    assert tagged["changed"] == 3
    query = {"custom.tier": "GOLD", "total": "true"}
    assert api.get("/customers", params=query).json()["total"] == 3
    bulk(api, "edit", customerIds=ids[:2], changes={"customFields": {"tier": None}})
    assert api.get("/customers", params=query).json()["total"] == 1
    assert read(api, ids[0])["customFields"] == {}


def test_an_edit_is_a_new_version(api: httpx.Client) -> None:
    made = create_stub(api)
    etag = api.get(f"/customers/{made['id']}").headers["ETag"]
    bulk(api, "edit", customerIds=[made["id"]], changes={"locale": "ar"})
    answer = api.patch(
        f"/customers/{made['id']}", json={"locale": "en"}, headers={"If-Match": etag}
    )
    assert answer.status_code == 412


def test_each_refusal_is_told_and_holds_up_nobody(
    api: httpx.Client, other_tenant: TestTenant
) -> None:
    active, blocked, merged, survivor = (create_stub(api)["id"] for _ in range(4))
    theirs = create_guest(other_tenant.client("manager"))["id"]
    api.post(f"/customers/{blocked}/block", json={"reason": "x"})
    api.post("/customers/merge", json={"sourceId": merged, "targetId": survivor})
    unknown = str(uuid4())
    everybody = [active, blocked, merged, theirs, unknown]

    done = bulk(api, "deactivate", customerIds=everybody)

    codes = {refusal["customerId"]: refusal["code"] for refusal in done["refusals"]}
    assert codes == {
        blocked: "blocked", merged: "merged", theirs: "not-found", unknown: "not-found",
    }  # fmt: skip
    assert (done["changed"], done["refused"]) == (1, 4)
    assert [read(api, i)["status"] for i in (active, blocked)] == ["inactive", "blocked"]
    assert read(other_tenant.client("manager"), theirs)["status"] == "active"


def test_an_assignment_moves_customers(tenant: TestTenant, other_tenant: TestTenant) -> None:
    api = tenant.client("manager")
    member = str(tenant.member("support").id)
    ids = [create_stub(api)["id"] for _ in range(2)]
    done = bulk(api, "assign", customerIds=ids, changes={"assignedTo": member})
    assert done["changed"] == 2
    assert {read(api, i)["assignedTo"] for i in ids} == {member}
    stranger = str(other_tenant.member("support").id)
    body = {"verb": "assign", "customerIds": ids, "changes": {"assignedTo": stranger}}
    answer = api.post("/customers/bulk", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["changes.assignedTo"]


def test_who_may_not_do_it_one_by_one_may_not_do_it_in_bulk(tenant: TestTenant) -> None:
    made = create_stub(tenant.client("manager"))["id"]
    whom = {"customerIds": [made]}
    for role, verb, changes, status in (
        ("pos", "edit", {"locale": "ar"}, 403),
        ("pos", "edit", {"teamId": None}, 403),
        ("pos", "deactivate", None, 403),
        ("pos", "assign", {"teamId": None}, 403),
        ("sales_manager", "assign", {"teamId": None}, 403),
        ("support", "edit", {"locale": "ar"}, 403),
        ("auditor", "edit", {"locale": "ar"}, 403),
    ):
        options = {"team": "A"} if role == "sales_manager" else {}
        if role in {"sales_manager", "support"}:
            client = signed_in(tenant, role, **options)
        else:
            client = tenant.client(role)
        body = {"verb": verb, **whom} | ({"changes": changes} if changes else {})
        assert client.post("/customers/bulk", json=body).status_code == status, (role, verb)
        tried = client.post("/customers/bulk/dry-run", json=body).status_code
        assert tried == (403 if status == 403 else 200)


def signed_in(tenant: TestTenant, role: str, **options: Any) -> httpx.Client:
    if "team" in options:
        tenant.client("owner").post("/teams", json={"name": options["team"]})
    member = tenant.member(role, **options)
    with tenant.server.client() as anonymous:
        answer = anonymous.post(
            "/auth/login", json={"email": member.email, "password": "a long password"}
        )
    return tenant.stack.enter_context(tenant.server.client(answer.json()["token"]))


def test_a_team_changes_its_own_customers_alone(tenant: TestTenant) -> None:
    seller = signed_in(tenant, "sales_manager", team="Ruwi")
    own, foreign = create_stub(seller)["id"], create_stub(tenant.client("manager"))["id"]
    done = bulk(seller, "deactivate", customerIds=[own, foreign])
    assert [refusal["code"] for refusal in done["refusals"]] == ["not-found"]
    everybody = bulk(seller, "edit", filter={}, changes={"locale": "ar"})
    assert everybody["changed"] == 1
    assert read(tenant.client("manager"), foreign)["locale"] is None
    assert seller.get(f"/customers/bulk/{done['id']}").status_code == 200
    other = signed_in(tenant, "sales_manager", team="Seeb")
    assert other.get(f"/customers/bulk/{done['id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"verb": "edit", "changes": {"locale": "ar"}}, "customerIds"),
        ({"verb": "deactivate", "customerIds": [str(uuid4())], "filter": {}}, "customerIds"),
        ({"verb": "edit", "filter": {}}, "changes"),
        ({"verb": "deactivate", "filter": {}, "changes": {"locale": "ar"}}, "changes"),
        ({"verb": "assign", "filter": {}, "changes": {"locale": "ar"}}, "changes.locale"),
        (
            {"verb": "edit", "filter": {}, "changes": {"journeyStage": "nowhere"}},
            "changes.journeyStage",
        ),
        (
            {"verb": "edit", "filter": {}, "changes": {"customFields": {"x": 1}}},
            "changes.customFields.x",
        ),
        ({"verb": "edit", "filter": {}, "changes": {"phone": "+96890000000"}}, "changes.phone"),
        ({"verb": "deactivate", "filter": {"phone": "1"}}, "filter.phone"),
        ({"verb": "deactivate", "filter": {"custom": {"x": "1"}}}, "filter.custom.x"),
        ({"verb": "deactivate", "customerIds": []}, "customerIds"),
        ({"verb": "erase", "filter": {}}, "verb"),
    ],
)
def test_what_is_no_bulk_work_is_refused(api: httpx.Client, body: Any, field: str) -> None:
    for path in ("/customers/bulk", "/customers/bulk/dry-run"):
        answer = api.post(path, json=body)
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert api.get("/customers/bulk").json()["items"] == []


def test_bulk_work_has_bounds(api: httpx.Client) -> None:
    ids = [str(uuid4()) for _ in range(IDS_MAX + 1)]
    answer = api.post("/customers/bulk", json={"verb": "deactivate", "customerIds": ids})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["customerIds"]


def test_a_dry_run_counts_and_changes_nothing(api: httpx.Client) -> None:
    ids = [create_stub(api)["id"] for _ in range(3)]
    body = {"verb": "deactivate", "filter": {"status": "active"}}
    counted = api.post("/customers/bulk/dry-run", json=body)
    assert (counted.status_code, counted.json()) == (200, {"matched": 3, "matchedIsCapped": False})
    assert {read(api, i)["status"] for i in ids} == {"active"}
    assert api.get("/customers/bulk").json()["items"] == []


def test_the_same_request_again_has_its_effect_once(api: httpx.Client) -> None:
    made = create_stub(api)["id"]
    body = {"verb": "deactivate", "customerIds": [made]}
    once, again = (
        api.post("/customers/bulk", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert again.json() == once.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(api.get("/customers/bulk").json()["items"]) == 1


def test_each_customer_has_it_in_its_own_history(tenant: TestTenant) -> None:
    """As if it had been changed by hand, with what it was before; so an erasure finds it, too."""
    api = tenant.client("manager")
    field = {"key": "tier", "label": "Tier", "kind": "text", "filterable": True}
    api.post("/custom-fields", json=field)
    ids = [create_stub(api)["id"] for _ in range(3)]
    bulk(api, "edit", customerIds=ids[:1], changes={"customFields": {"tier": "silver"}})
    changes = {"journeyStage": "lead", "customFields": {"tier": "gold"}}
    bulk(api, "edit", customerIds=ids, changes=changes)
    done = bulk(api, "deactivate", customerIds=ids)

    history = [history_of(api, customer_id) for customer_id in ids]
    moved = ("customer.stage_moved", {"journeyStage": "prospect", "customFields": {}}, changes)
    off = ("customer.deactivated", {"status": "active"}, {"status": "inactive"})
    assert history[1][:2] == history[2][:2] == [off, moved]
    first, second = {"customFields": {"tier": "silver"}}, {"customFields": {}}
    assert history[0][1] == (moved[0], moved[1] | first, changes)
    assert history[0][2] == ("customer.changed", second, first)

    query = (
        "select subject_id, before, after, rows from org_events"
        " where tenant_org_id = %s and kind = 'customers.bulk_deactivated'"
    )
    [record] = rows(tenant.server.settings, query, tenant.id)
    assert record == (UUID(done["id"]), None, {"fields": ["status"], "count": 3}, {})


def history_of(api: httpx.Client, customer_id: str) -> list[tuple[str, Any, Any]]:
    events = api.get(f"/customers/{customer_id}/history").json()["items"]
    return [(event["kind"], event["before"], event["after"]) for event in events]


@pytest.fixture
def shop(fresh_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestTenant]:
    """Where four are too many for one request, and a job takes three at once."""
    monkeypatch.setattr(service, "AT_ONCE_MAX", 3)
    monkeypatch.setattr(service, "CHUNK_ROWS", 3)
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 3)
    with make_tenant(fresh_server) as made:
        yield made


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
    query = "select count(*) from org_events where kind = 'customers.bulk_deactivated'"
    assert rows(shop.server.settings, query) == [(3,)]


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
    import psycopg

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
    narrow = f"update org_api_keys set staff_scope = 'team', team_id = '{seeb}' where role = %r"
    _as_owner(shop, _without_a_trace("org_api_keys", narrow % "manager"))
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
