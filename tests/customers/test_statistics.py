"""How many customers there are: counted at once where there are few, by a job where many."""

import itertools
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from crm_saas.customers import statistics
from factories.customers import create_guest, create_stub
from factories.database import rows
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant


def shown(api: httpx.Client, path: str = "", **query: Any) -> dict[str, Any]:
    answer = api.get(f"/customers/statistics{path}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def created(api: httpx.Client, by: str) -> list[int]:
    return [step["created"] for step in shown(api, "/growth", by=by)["items"]]


def test_few_are_counted_at_once(api: httpx.Client, other_tenant: TestTenant) -> None:
    create_stub(other_tenant.client("manager"))
    stub = create_stub(api)
    create_stub(api, customerType="business", companyName="Acme")
    create_guest(api)
    api.delete(f"/customers/{stub['id']}")
    found = shown(api)
    assert (
        found
        | {
            "total": 3,
            "byProfileStatus": {"stub": 2, "guest": 1},
            "byStatus": {"active": 2, "inactive": 1},
            "byCustomerType": {"individual": 2, "business": 1},
            "createdLast7Days": 3,
            "createdLast30Days": 3,
        }
        == found
    )
    for by in ("day", "week", "month"):
        assert created(api, by)[-1] + created(api, by)[-2] == 3  # midnight may lie between


@pytest.mark.parametrize(("by", "days"), [("day", 1), ("week", 7)])
def test_steps_follow_each_other(api: httpx.Client, by: str, days: int) -> None:
    starts = [date.fromisoformat(s["start"]) for s in shown(api, "/growth", by=by)["items"]]
    assert len(starts) == statistics.STEPS_MAX[by]  # type: ignore[index]
    gaps = {b - a for a, b in itertools.pairwise(starts)}
    assert gaps == {timedelta(days=days)}


def test_growth_is_by_days_of_the_tenants_own_zone(tenant: TestTenant) -> None:
    """Two that came between midnight in Muscat and midnight in Greenwich."""
    api = tenant.client("manager")
    ids = [create_stub(api)["id"] for _ in range(2)]
    months = shown(api, "/growth", by="month")["items"]
    first = months[-2]["start"]
    with psycopg.connect(tenant.server.settings.database_url, autocommit=True) as owner:
        owner.execute("alter table org_customers_mst disable trigger user")
    with psycopg.connect(tenant.server.settings.url("crm_platform"), autocommit=True) as platform:
        platform.execute(
            "update org_customers_mst set created_at = timestamptz (%s || ' 00:30+04')"
            " where id = any(%s)",
            [first, ids],
        )
    with psycopg.connect(tenant.server.settings.database_url, autocommit=True) as owner:
        owner.execute("alter table org_customers_mst enable trigger user")
    assert created(api, "month")[-2:] == [2, 0]


def test_a_scope_counts_its_own(tenant: TestTenant) -> None:
    api = tenant.client("manager")
    member = tenant.member("support")
    create_stub(api, assignedTo=str(member.id))
    create_stub(api)
    with tenant.server.client() as anonymous:
        answer = anonymous.post(
            "/auth/login", json={"email": member.email, "password": "a long password"}
        )
    with tenant.server.client(answer.json()["token"]) as support:
        assert shown(support)["total"] == 1
        assert sum(created(support, "month")) == 1


def test_a_count_that_takes_too_long_is_given_up(
    tenant: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "COUNT_MS_MAX", 50)
    with tenant.server.client() as anonymous:
        member = {"email": tenant.member("support").email, "password": "a long password"}
        token = anonymous.post("/auth/login", json=member).json()["token"]
    with (
        tenant.server.client(token) as support,
        psycopg.connect(tenant.server.settings.database_url) as owner,
    ):
        owner.execute("lock table org_customers_mst in access exclusive mode")
        assert (shown(support)["asOf"], shown(support)["total"]) == (None, None)
        assert set(created(support, "day")) == {None}
        owner.rollback()
        assert shown(support)["total"] == 0


def test_who_may_not_see_customers_may_not_count_them(tenant: TestTenant) -> None:
    for path in ("", "/growth"):
        answer = tenant.client("publishable").get(f"/customers/statistics{path}")
        assert answer.status_code == 403
    answer = tenant.client("manager").get("/customers/statistics/growth", params={"by": "year"})
    assert answer.status_code == 422


@pytest.fixture
def crowded(fresh_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestTenant]:
    """Where two are many."""
    monkeypatch.setattr(statistics, "COUNTED_AT_ONCE_MAX", 1)
    with make_tenant(fresh_server) as made:
        yield made


def test_many_are_counted_by_a_job(
    crowded: TestTenant, run_jobs: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = crowded.client("manager")
    for _ in range(2):
        create_stub(api)
    run_jobs()
    for _ in range(4):
        unknown = shown(api)
        assert (unknown["asOf"], unknown["total"], unknown["byStatus"]) == (None, None, {})
        assert set(created(api, "day")) == {None}, "nobody counts while the job waits"
    query = "select count(*) from jobs.procrastinate_jobs where task_name = 'customers.count_again'"
    with psycopg.connect(crowded.server.settings.database_url) as owner:
        assert owner.execute(query).fetchone() == (1,), "one job, whoever asks"
    run_jobs()

    create_stub(api)
    last = shown(api)
    assert last["total"] == 2
    assert shown(api)["asOf"] == last["asOf"]
    assert sum(created(api, "month")) == 2

    monkeypatch.setattr(statistics, "FRESH", timedelta(0))
    assert shown(api)["total"] == 2, "the old one, while the next is on its way"
    run_jobs()
    assert shown(api)["total"] == 3
    assert sum(created(api, "month")) == 3
    assert rows(crowded.server.settings, "select count(*) from org_customer_statistics") == [(1,)]
