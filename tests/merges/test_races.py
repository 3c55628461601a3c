"""Merges that meet leave one survivor and lose nothing (SPEC 5.5)."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import psycopg
import pytest

from crm_saas.customers.identifiers import Claim, claim_lock
from factories.addresses import add_address
from factories.codes import new_mobile, send_code
from factories.customers import create_guest, create_stub, new_phone
from factories.database import as_role
from factories.merges import addresses_of, ask, merge, read
from factories.tenants import TestTenant

ROUNDS = 20
Call = Callable[[httpx.Client], httpx.Response]


def at_once(tenant: TestTenant, calls: Sequence[Call]) -> list[httpx.Response]:
    barrier = Barrier(len(calls))
    key = tenant.key()

    def run(call: Call) -> httpx.Response:
        with tenant.server.client(key) as client:
            client.get("/merges")  # connected, before the start
            barrier.wait()
            return call(client)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def merging(source: Any, target: Any) -> Call:
    return lambda client: ask(client, source, target)


def survivors(api: httpx.Client, *customers: Any) -> set[str]:
    return {read(api, customer)["id"] for customer in customers}


@pytest.mark.parametrize("create", [create_stub, create_guest])
def test_a_into_b_while_b_into_a(
    api: httpx.Client, tenant: TestTenant, create: Callable[[httpx.Client], dict[str, Any]]
) -> None:
    """Guests have no phone whose lock would keep the two apart."""
    for _ in range(ROUNDS):
        one, two = (create(api) for _ in range(2))
        answers = at_once(tenant, [merging(one, two), merging(two, one)])
        assert sorted(answer.status_code for answer in answers) == [201, 409]
        (survivor,) = survivors(api, one, two)
        done = next(a.json() for a in answers if a.status_code == 201)
        refused = next(a.json() for a in answers if a.status_code == 409)
        assert survivor == done["targetId"] == refused["customerId"]
        for customer in (one, two) if one["phone"] else ():
            found = api.get("/customers", params={"phone": customer["phone"]}).json()["items"]
            assert [c["id"] for c in found] == [survivor]


def test_a_cycle_of_three(api: httpx.Client, tenant: TestTenant) -> None:
    for _ in range(ROUNDS // 2):
        three = [create_stub(api) for _ in range(3)]
        for customer in three:
            add_address(api, f"/customers/{customer['id']}/addresses")
        pairs = zip(three, three[1:] + three[:1], strict=True)
        answers = at_once(tenant, [merging(source, target) for source, target in pairs])
        assert sorted(a.status_code for a in answers) == [201, 201, 409]
        (survivor,) = survivors(api, *three)
        kept = addresses_of(api, {"id": survivor})
        assert (len(kept), sum(a["isDefault"] for a in kept)) == (3, 1)


def test_an_address_added_to_the_source_meanwhile(api: httpx.Client, tenant: TestTenant) -> None:
    for _ in range(ROUNDS // 2):
        source, target = create_stub(api), create_stub(api)
        path = f"/customers/{source['id']}/addresses"

        def add(client: httpx.Client, path: str = path) -> httpx.Response:
            return client.post(path, json={"city": "Muscat"})

        answers = at_once(tenant, [merging(source, target), add, add, add])
        assert [answer.status_code for answer in answers] == [201] * 4
        kept = addresses_of(api, target)
        assert {a["id"] for a in kept} == {a.json()["id"] for a in answers[1:]}
        assert {a["customerId"] for a in kept} == {target["id"]}
        assert sum(a["isDefault"] for a in kept) == 1


def test_an_address_added_while_the_merge_is_undone(api: httpx.Client, tenant: TestTenant) -> None:
    for _ in range(ROUNDS // 2):
        source, target = create_stub(api), create_stub(api)
        done = merge(api, source, target)

        def add(client: httpx.Client, path: str = source["id"]) -> httpx.Response:
            return client.post(f"/customers/{path}/addresses", json={"city": "Muscat"})

        def take_back(client: httpx.Client, merge_id: str = done["id"]) -> httpx.Response:
            return client.post(f"/merges/{merge_id}/undo")

        undone, *added = at_once(tenant, [take_back, add, add])
        assert undone.status_code == 200
        assert [answer.status_code for answer in added] == [201, 201]
        kept = addresses_of(api, source) + addresses_of(api, target)
        assert {a["id"] for a in kept} == {a.json()["id"] for a in added}


def test_one_source_into_many(api: httpx.Client, tenant: TestTenant) -> None:
    source, *targets = (create_stub(api) for _ in range(6))
    answers = at_once(tenant, [merging(source, target) for target in targets])
    assert sorted(a.status_code for a in answers) == [201] + [409] * 4


def test_many_into_one(api: httpx.Client, tenant: TestTenant) -> None:
    target, *sources = (create_stub(api) for _ in range(6))
    answers = at_once(tenant, [merging(source, target) for source in sources])
    assert [a.status_code for a in answers] == [201] * 5
    assert survivors(api, target, *sources) == {target["id"]}
    for source in sources:
        found = api.get("/customers", params={"phone": source["phone"]}).json()["items"]
        assert [c["id"] for c in found] == [target["id"]]


def test_one_merge_undone_by_two(api: httpx.Client, tenant: TestTenant) -> None:
    done = merge(api, create_stub(api), create_stub(api))
    undo = [lambda client: client.post(f"/merges/{done['id']}/undo")] * 2
    answers = at_once(tenant, undo)
    assert sorted(a.status_code for a in answers) == [200, 409]


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_phone_changed_meanwhile(api: httpx.Client, tenant: TestTenant, side: str) -> None:
    for _ in range(ROUNDS // 4):
        pair = {"source": create_stub(api), "target": create_stub(api)}
        phone = new_phone()
        path = f"/customers/{pair[side]['id']}"

        def change(client: httpx.Client, path: str = path, phone: str = phone) -> httpx.Response:
            return client.patch(path, json={"phone": phone})

        answers = at_once(tenant, [merging(**pair), change])
        assert [answer.status_code for answer in answers] == [201, 200]
        found = api.get("/customers", params={"phone": phone}).json()["items"]
        assert [c["id"] for c in found] == [pair["target"]["id"]]


def test_a_phone_taken_meanwhile(api: httpx.Client, tenant: TestTenant) -> None:
    source, target = create_stub(api, phone=new_mobile()), create_stub(api)
    body = {
        "type": "full",
        "name": "The new holder",
        "phone": source["phone"],
        "otpCode": send_code(tenant, source["phone"]),
        "claimPhone": True,
    }
    merged, taken = at_once(
        tenant,
        [
            lambda client: ask(client, source, target, choices={"phone": "source"}),
            lambda client: client.post("/customers", json=body),
        ],
    )
    assert (merged.status_code, taken.status_code) == (201, 201)
    found = api.get("/customers", params={"phone": source["phone"]}).json()["items"]
    assert [c["id"] for c in found] == [taken.json()["id"]]


def test_tills_meanwhile_find_the_living(api: httpx.Client, tenant: TestTenant) -> None:
    for _ in range(ROUNDS // 4):
        source, target = create_stub(api), create_stub(api)

        def find(client: httpx.Client, phone: str = source["phone"]) -> httpx.Response:
            return client.post("/customers/find-or-create", json={"phone": phone, "name": "A"})

        _, *found = at_once(tenant, [merging(source, target), find, find, find])
        for answer in found:
            assert answer.json()["outcome"] == "matched"
            assert answer.json()["customer"]["status"] == "active"


def test_waits_for_a_till_that_looks_for_one_of_the_phones(
    api: httpx.Client, tenant: TestTenant
) -> None:
    """Or the till would read the holder before the merge and the customer after it."""
    source, target = create_stub(api), create_stub(api)
    lock = claim_lock(tenant.server.settings, tenant.id, Claim("phone", source["phone"]))
    with as_role(tenant.server.settings) as till, ThreadPoolExecutor(1) as pool:
        with till.transaction():
            till.execute("select pg_advisory_xact_lock(%s)", [lock])
            merging = pool.submit(ask, api, source, target)
            while not merging.done() and not _somebody_waits(till):
                pass
            assert not merging.done()
        assert merging.result().status_code == 201


def _somebody_waits(connection: psycopg.Connection[Any]) -> bool:
    found = connection.execute(
        "select from pg_locks l join pg_database d on d.oid = l.database"
        " where l.locktype = 'advisory' and not l.granted and d.datname = current_database()"
    )
    return found.fetchone() is not None
