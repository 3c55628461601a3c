"""Another business's file looks like one's own, and means others."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from crm_saas.imports.mapping import guess
from factories.customers import create_stub, new_phone
from factories.imports import Importing, upload
from factories.servers import Server
from factories.tenants import make_tenant

Begin = Callable[..., Importing]


@pytest.fixture
def theirs(import_server: Server) -> Iterator[bytes]:
    """Their export, of one customer."""
    with make_tenant(import_server) as made:
        api = made.client("owner")
        create_stub(api, name="Huda", email="huda@example.com")
        yield api.get("/customers/export").content


def test_another_business_writes_over_nobody(
    theirs: bytes, api: httpx.Client, run_jobs: Callable[[], None]
) -> None:
    ours = create_stub(api, name="Salma")
    importing = Importing(api, run_jobs, upload(api, theirs)["id"])
    assert importing.state["upsertBy"] == "phone"
    importing.run()
    assert importing.counts == {"created": 1}
    assert importing.rows("created")[0]["customerNumber"] == "CUST-00002"
    assert api.get(f"/customers/{ours['id']}").json() == ours


def test_whoever_asks_for_it_is_told_first(
    theirs: bytes, api: httpx.Client, run_jobs: Callable[[], None]
) -> None:
    create_stub(api, name="Salma")
    importing = Importing(api, run_jobs, upload(api, theirs)["id"])
    importing.dry_run(upsertBy="customerNumber")
    assert importing.counts == {"update": 1, "differing": 1}
    [problem] = importing.rows("update")[0]["problems"]
    assert (problem["field"], problem["code"]) == ("customerNumber", "differs")
    assert "CUST-00001 has another name and other contacts" in problem["message"]


def test_who_changed_the_one_or_the_other_is_the_same(api: httpx.Client, begin: Begin) -> None:
    renamed, moved, spelled, unreached = (
        create_stub(api, name=name) for name in ("A", "B x", "C y", "D")
    )
    importing = begin(
        ["Customer number", "Name", "Phone"],
        [renamed["customerNumber"], "Another", renamed["phone"]],
        [moved["customerNumber"], "B", new_phone()],
        [spelled["customerNumber"], "Y c", new_phone()],
        [unreached["customerNumber"], "Another", ""],
    )
    importing.dry_run(upsertBy="customerNumber")
    assert importing.counts == {"update": 4}


def test_one_id_of_ours_does_not_make_it_ours(
    theirs: bytes, api: httpx.Client, run_jobs: Callable[[], None]
) -> None:
    create_stub(api, name="Salma")
    own = api.get("/customers/export").content
    assert upload(api, own)["upsertBy"] == "customerNumber"
    assert upload(api, own + theirs.split(b"\n", 1)[1])["upsertBy"] == "phone"
    assert upload(api, own.replace(b"CUST-00001", b"CUST-00002"))["upsertBy"] == "phone"


def test_an_id_of_another_system_is_asked_for_where_there_is_one() -> None:
    headers = ["External id", "Phone", "Name"]
    assert guess(headers, [["", "92000001", "A"]]).upsert_by == "phone"
    assert guess(headers, [["", "92000001", "A"], ["7", "", "B"]]).upsert_by == "externalId"
    assert guess(["Customer number", "Name"], [["CUST-00001", "A"]]).upsert_by == "phone"
