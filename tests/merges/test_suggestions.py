"""Who may be one person twice is suggested, until somebody decides (SPEC 5.1)."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from factories.customers import create_guest, create_stub
from factories.merges import merge, undo
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant

RunJobs = Callable[[], None]


@pytest.fixture
def tenant(fresh_server: Server) -> Iterator[TestTenant]:
    """With a job queue to itself."""
    with make_tenant(fresh_server) as made:
        yield made


def suggested(api: httpx.Client, customer: Any) -> dict[str, Any]:
    """The others, each with the suggestion."""
    answer = api.get(f"/customers/{customer['id']}/duplicates")
    assert answer.status_code == 200, answer.text
    return {
        other["id"]: item
        for item in answer.json()["items"]
        for other in item["customers"]
        if other["id"] != customer["id"]
    }


def stripped(api: httpx.Client) -> list[dict[str, Any]]:
    """The suggestions without their customers."""
    return [item | {"customers": None} for item in api.get("/duplicates").json()["items"]]


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (
            {"name": "Salim", "phone": "+96892345678"},
            {"name": "Office", "phone": "+96872345678"},
            "phone_ending",
        ),
        (
            {"name": "Salim", "email": "salim.harthy@example.com"},
            {"name": "Office", "email": "Salim.Harthy+shop@example.org"},
            "email_name",
        ),
        ({"name": "Mohammed Al Harthy"}, {"name": "Mohamed al-Harthy"}, "name"),
        (
            {"name": "Amal", "name2": "أمل البلوشي"},
            {"name": "A. B.", "name2": "امل البلوشى"},
            "name",
        ),
    ],
)
def test_by_phone_email_and_name(
    tenant: TestTenant, run_jobs: RunJobs, first: Any, second: Any, kind: str
) -> None:
    api = tenant.client()
    one, two = create_stub(api, **first), create_stub(api, **second)
    create_stub(api, name="Khalid Al Rawahi", email="khalid@example.com")
    run_jobs()
    found = suggested(api, one)
    assert list(found) == [two["id"]]
    assert kind in [ground["kind"] for ground in found[two["id"]]["evidence"]]
    (item,) = api.get("/duplicates").json()["items"]
    assert item == found[two["id"]]
    assert suggested(api, two)[one["id"]] == item


@pytest.mark.parametrize(
    ("one_name", "other_name", "kind"),
    [
        ("Zainab Al Lawati", "Zaynab Al Lawati", "name"),
        ("Zuwaina Al Mahrouqi", "Zuwayna Almahruqi", "name"),
        ("Zainab Al Lawati", "Lawati Zeinab", "name"),
        ("خالد المعمري", "Khalid Al Maamari", "transliteration"),
        ("Khalid bin Said Al Maamari", "المعمري خالد", "transliteration"),
        ("عبد الرحمن البلوشي", "Abdulrahman Al Balushi", "transliteration"),
    ],
)
def test_by_names_spelled_otherwise(
    tenant: TestTenant, run_jobs: RunJobs, one_name: str, other_name: str, kind: str
) -> None:
    api = tenant.client()
    one = create_stub(api, name=one_name)
    run_jobs()
    two = create_stub(api, name=other_name)
    run_jobs()
    found = suggested(api, one)
    assert list(found) == [two["id"]]
    assert [ground["kind"] for ground in found[two["id"]]["evidence"]] == [kind]


def test_by_a_second_name_in_the_other_script(tenant: TestTenant, run_jobs: RunJobs) -> None:
    api = tenant.client()
    one = create_stub(api, name="K. M.", name2="خالد المعمري")
    two = create_stub(api, name="Khalid Al Maamari")
    run_jobs()
    assert list(suggested(api, one)) == [two["id"]]


@pytest.mark.parametrize(
    ("one_name", "other_name"),
    [
        ("Zainab Al Lawati", "Zuhair Al Lawati"),
        ("Khalid Al Maamari", "خالد العامري"),
        ("Hassan Al Harthy", "حسين الحارثي"),
        ("Mohammed Al Balushi", "محمود البلوشي"),
    ],
)
def test_others_of_one_family_are_not_suggested(
    tenant: TestTenant, run_jobs: RunJobs, one_name: str, other_name: str
) -> None:
    api = tenant.client()
    for name in (one_name, other_name):
        create_stub(api, name=name)
    run_jobs()
    assert api.get("/duplicates").json()["items"] == []


def test_running_again_changes_nothing(tenant: TestTenant, run_jobs: RunJobs) -> None:
    api = tenant.client()
    one, two = (create_stub(api, name="Salim Al Harthy") for _ in range(2))
    run_jobs()
    before = stripped(api)
    events = api.get("/audit", params={"kind": "customer.duplicates_found"}).json()
    api.patch(f"/customers/{two['id']}", json={"firstName": "Salim"})
    run_jobs()
    assert stripped(api) == before
    assert api.get("/audit", params={"kind": "customer.duplicates_found"}).json() == events
    assert list(suggested(api, one)) == [two["id"]]


def test_a_correction_takes_it_back(tenant: TestTenant, run_jobs: RunJobs) -> None:
    api = tenant.client()
    one, two = (create_stub(api, name="Salim Al Harthy") for _ in range(2))
    run_jobs()
    api.patch(f"/customers/{two['id']}", json={"name": "Khalid Al Rawahi"})
    run_jobs()
    assert suggested(api, one) == {}


def test_dismissed_stays_dismissed(tenant: TestTenant, run_jobs: RunJobs) -> None:
    api = tenant.client()
    one, two = (create_stub(api, name="Salim Al Harthy") for _ in range(2))
    run_jobs()
    suggestion = suggested(api, one)[two["id"]]["id"]
    for _ in range(2):
        answer = api.post(f"/duplicates/{suggestion}/dismiss")
        assert (answer.status_code, answer.json()["status"]) == (200, "dismissed")
    assert api.get("/duplicates").json()["items"] == []
    api.patch(f"/customers/{two['id']}", json={"dateOfBirth": "1990-01-01"})
    run_jobs()
    assert suggested(api, one) == {}


def test_dismissed_stays_dismissed_for_the_survivor(tenant: TestTenant, run_jobs: RunJobs) -> None:
    api = tenant.client()
    one, two, three = (create_stub(api, name="Salim Al Harthy") for _ in range(3))
    run_jobs()
    api.post(f"/duplicates/{suggested(api, one)[two['id']]['id']}/dismiss")
    api.post(f"/duplicates/{suggested(api, three)[two['id']]['id']}/dismiss")
    four = create_stub(api, name="Salim Al Harthi")
    run_jobs()
    merge(api, one, four)
    run_jobs()
    assert set(suggested(api, four)) == {three["id"]}


def test_a_merge_settles_it_and_an_undo_opens_it(tenant: TestTenant, run_jobs: RunJobs) -> None:
    api = tenant.client()
    one, two, three = (create_stub(api, name="Salim Al Harthy") for _ in range(3))
    run_jobs()
    before = api.get("/duplicates").json()["items"]
    assert len(before) == 3
    suggestion = suggested(api, one)[two["id"]]["id"]
    done = merge(api, one, two)
    (left,) = api.get("/duplicates").json()["items"]
    assert {c["id"] for c in left["customers"]} == {two["id"], three["id"]}
    refused = api.post(f"/duplicates/{suggestion}/dismiss")
    assert refused.status_code == 409
    undo(api, done)
    assert api.get("/duplicates").json()["items"] == before


def test_nobody_is_suggested_by_a_name_that_says_nothing(
    tenant: TestTenant, run_jobs: RunJobs
) -> None:
    api = tenant.client()
    create_guest(api)
    create_guest(api)
    for name in ("Salim", "Salim"):
        create_stub(api, name=name)
    run_jobs()
    assert api.get("/duplicates").json()["items"] == []


def test_pages_begin_with_the_likeliest(tenant: TestTenant, run_jobs: RunJobs) -> None:
    api = tenant.client()
    for name in ("Salim Al Harthy", "Salim Al Harthy", "Saleem Al Harthi"):
        create_stub(api, name=name)
    run_jobs()
    whole = api.get("/duplicates").json()["items"]
    scores = [item["score"] for item in whole]
    assert (len(whole), scores) == (3, sorted(scores, reverse=True))
    paged, cursor = [], None
    for _ in whole:
        page = api.get("/duplicates", params={"limit": 1} | ({"cursor": cursor} if cursor else {}))
        paged += page.json()["items"]
        cursor = page.json()["nextCursor"]
    assert (paged, cursor) == (whole, None)


def test_who_sees_and_who_decides(tenant: TestTenant, run_jobs: RunJobs) -> None:
    tenant.member("sales_manager", team="north")
    tenant.member("sales_manager", team="south")
    north = tenant.client("sales_manager", team="north")
    south = tenant.client("sales_manager", team="south")
    one = create_stub(north, name="Salim Al Harthy")
    create_stub(north, name="Salim Al Harthy")
    create_stub(south, name="Salim Al Harthy")
    run_jobs()
    assert len(tenant.client().get("/duplicates").json()["items"]) == 3
    assert len(north.get("/duplicates").json()["items"]) == 1
    assert south.get("/duplicates").json()["items"] == []
    assert south.get(f"/customers/{one['id']}/duplicates").status_code == 404
    suggestion = north.get("/duplicates").json()["items"][0]["id"]
    assert north.post(f"/duplicates/{suggestion}/dismiss").status_code == 403
    with make_tenant(tenant.server) as stranger:
        answer = stranger.client().post(f"/duplicates/{suggestion}/dismiss")
        assert answer.status_code == 404
        assert stranger.client().get("/duplicates").json()["items"] == []
