"""A master key is replaced while everything goes on; then the old one is dropped."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from crm_saas.cli import cli
from crm_saas.customers import persons
from crm_saas.doctor.keys import keys_check
from crm_saas.kit import sealed
from crm_saas.kit.deployment import new_master_key
from crm_saas.kit.settings import Settings, SettingsError
from crm_saas.rotation import Rotation, rotate_master
from crm_saas.worker import open_queue
from factories.codes import new_mobile, send_code
from factories.database import as_role, rows
from factories.rotations import proved, ring, serving
from factories.servers import Server, run_server
from factories.tenants import TestTenant, make_tenant
from factories.trails import report, seal

PASSWORD = "a long password"


@pytest.fixture
def old_server(settings: Settings) -> Iterator[Server]:
    with run_server(ring(settings, 1)) as server:
        yield server


def team(tenant: TestTenant, name: str, token: str) -> Any:
    with tenant.server.client(token) as client:
        answer = client.post("/teams", json={"name": name}, headers={"Idempotency-Key": name})
    assert answer.status_code == 201, answer.text
    return answer.json()


def forget_codes(settings: Settings) -> None:
    with as_role(settings) as platform:
        platform.execute("delete from sys_otp_codes")


def moved(done: Rotation) -> dict[str, int]:
    return {what: count for what, count in done.moved.items() if count}


def test_after_a_rotation_the_old_key_may_go(settings: Settings, old_server: Server) -> None:
    with make_tenant(old_server) as shop, make_tenant(old_server) as bakery:
        owner, phone = shop.key(), new_mobile()
        answer = team(shop, "ruwi", owner)
        person = proved(shop, phone)
        member = shop.member()
        with old_server.client() as anonymous:
            body = {"email": member.email, "password": PASSWORD}
            assert anonymous.post("/auth/login", json=body).status_code == 200
        asyncio.run(seal(old_server.settings, shop.id, bakery.id))

        both = ring(settings, 1, 2)
        with serving(bakery, both) as at_bakery:
            assert proved(at_bakery, phone) == person
        done = rotate_master(both)
        assert moved(done) == {
            "org_idempotency_keys.body": 1,
            "sys_otp_codes.phone_sealed": 1,
            "sys_customers_mst.phone_hash": 1,
            "org_audit_heads.mac": 2,
            "addresses in the queue": 1,
        }
        assert moved(rotate_master(both)) == {}
        assert [(key.version, key.needed_by) for key in done.old_keys] == [(1, [])]

        with as_role(settings) as platform:
            platform.execute("delete from sys_otp_budgets")  # of the pause between two codes
        forget_codes(settings)
        alone = ring(settings, 2)
        with serving(shop, alone) as here, make_tenant(here.server) as cafe:
            assert team(here, "ruwi", owner) == answer
            assert proved(cafe, phone) == person
        asyncio.run(drain(alone))
        assert rows(settings, "select address from org_events where kind = 'session.opened'") == [
            ("127.0.0.1",)
        ]
        asyncio.run(seal(alone, shop.id))
        found = report(alone, shop.id)
        assert (found.faults, found.tags_unchecked > 0) == ([], True)
        assert missing(alone) == []


async def drain(settings: Settings) -> None:
    async with open_queue(settings) as queue:
        await queue.run_pending()


def missing(settings: Settings) -> list[str]:
    with as_role(settings) as platform:
        return list(keys_check(settings).find(platform))


def test_a_key_that_goes_too_early_is_missed_by_the_doctor(
    settings: Settings, old_server: Server
) -> None:
    with make_tenant(old_server) as shop:
        team(shop, "ruwi", shop.key())
        proved(shop, new_mobile())
    asyncio.run(seal(old_server.settings, shop.id))
    [fault] = missing(ring(settings, 2))
    assert fault.startswith("CRM_MASTER_KEYS lacks key 1:")
    for what in (
        "1 rows of org_idempotency_keys.body",
        "1 rows of sys_otp_codes.phone_sealed",
        "1 persons in sys_customers_mst",
        "1 heads of audit chains",
    ):
        assert what in fault
    assert missing(ring(settings, 1, 2)) == []
    [lost] = rotate_master(ring(settings, 2)).missing_keys
    assert lost.version == 1


def test_lists_go_on_while_a_key_is_rolled_out(settings: Settings, old_server: Server) -> None:
    with make_tenant(old_server) as shop:
        token = shop.key()
        with old_server.client(token) as client:
            cursor = client.get("/audit", params={"limit": 1}).json()["nextCursor"]
        asked = {"limit": 1, "cursor": cursor}
        for versions, status in (((1, 2), 200), ((2,), 422)):
            with (
                serving(shop, ring(settings, *versions)) as here,
                here.server.client(token) as client,
            ):
                assert client.get("/audit", params=asked).status_code == status


def test_a_key_is_readable_everywhere_before_it_encrypts(
    settings: Settings, old_server: Server
) -> None:
    held_back = ring(settings, 1, 2, current=1)
    with make_tenant(old_server) as shop, serving(shop, held_back) as here:
        token, phone = shop.key(), new_mobile()
        assert team(shop, "ruwi", token) == team(here, "ruwi", token)
        assert team(here, "seeb", token) == team(shop, "seeb", token)
        code = send_code(here, phone)
        body = {"phone": phone, "purpose": "registration", "code": code}
        assert shop.client("pos").post("/customers/verify-otp", json=body).status_code == 200
        asyncio.run(seal(held_back, shop.id))
        asyncio.run(seal(ring(settings, 1), shop.id))
    with pytest.raises(SettingsError, match="CRM_MASTER_KEY_CURRENT holds key 2 back"):
        rotate_master(held_back)


def test_an_answer_of_a_key_that_a_process_lacks_is_asked_for_again(
    settings: Settings, old_server: Server
) -> None:
    with make_tenant(old_server) as shop, serving(shop, ring(settings, 1, 2)) as here:
        token = shop.key()
        team(here, "ruwi", token)
        with old_server.client(token) as client:
            answer = client.post(
                "/teams", json={"name": "ruwi"}, headers={"Idempotency-Key": "ruwi"}
            )
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "does not have" in answer.json()["detail"]


def test_codes_in_flight_keep_their_key(settings: Settings, old_server: Server) -> None:
    with make_tenant(old_server) as shop:
        send_code(shop, new_mobile())
        [key] = rotate_master(ring(settings, 1, 2)).old_keys
        assert key.version == 1
        assert [why.rpartition(" ")[0] for why in key.needed_by] == ["codes that are good until"]
        forget_codes(settings)
        assert [k.needed_by for k in rotate_master(ring(settings, 1, 2)).old_keys] == [[]]


def test_who_is_new_during_a_rotation_is_one_person(settings: Settings, old_server: Server) -> None:
    """Processes that have the new key and those that have not yet serve side by side."""
    phones = [new_mobile() for _ in range(3)]
    both = ring(settings, 1, 2)
    with make_tenant(old_server) as shop, make_tenant(old_server) as bakery:
        with serving(bakery, both) as at_bakery:
            assert proved(at_bakery, phones[0]) == proved(shop, phones[0])
            assert proved(shop, phones[1]) == proved(at_bakery, phones[1])
            rotate_master(both)
            assert proved(at_bakery, phones[2]) is not None
        forget_codes(settings)
        with make_tenant(old_server) as other, serving(other, both) as cafe:
            known = {proved(cafe, phone) for phone in phones}
    assert len(known) == 3
    assert rows(settings, "select key_version, count(*) from sys_customers_mst group by 1") == [
        (2, 3)
    ]


def test_a_rotation_that_was_cut_off_goes_on(
    settings: Settings, old_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed, "BATCH_ROWS", 3)
    monkeypatch.setattr(persons, "BATCH_ROWS", 1)
    with make_tenant(old_server) as shop:
        token = shop.key()
        answers = [team(shop, f"team {number}", token) for number in range(8)]
        both = ring(settings, 1, 2)

        def cut_off(what: str, rows: int) -> None:
            raise ConnectionError

        with pytest.raises(ConnectionError):
            rotate_master(both, cut_off)
        assert rotate_master(both).moved["org_idempotency_keys.body"] == 5
        with serving(shop, ring(settings, 2)) as here:
            assert [team(here, f"team {n}", token) for n in range(8)] == answers


def test_requests_go_on_meanwhile(
    settings: Settings, old_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed, "BATCH_ROWS", 2)
    both = ring(settings, 1, 2)
    with make_tenant(old_server) as shop:
        token = shop.key()
        answers = {f"before {n}": team(shop, f"before {n}", token) for n in range(20)}
        with serving(shop, both) as here:
            done = threading.Event()

            def write() -> None:
                number = 0
                while not done.is_set():
                    name = f"during {(number := number + 1)}"
                    answers[name] = team(here, name, token)

            writer = threading.Thread(target=write)
            writer.start()
            rotate_master(both)
            done.set()
            writer.join()
        with serving(shop, ring(settings, 2)) as there:
            assert {name: team(there, name, token) for name in answers} == answers


def test_the_command(settings: Settings, old_server: Server) -> None:
    """As docs/operations.md has it: a new key beside the old one, and the old one away."""
    first, second = new_master_key(1), new_master_key(2)
    with make_tenant(old_server):
        pass

    def run(keys: str) -> str:
        environment = {"DATABASE_URL": settings.database_url, "CRM_MASTER_KEYS": keys}
        done = CliRunner().invoke(cli, ["keys", "rotate-master"], env=environment)
        assert done.exit_code == 0, done.output
        return done.output

    assert "The newest key is 1." in run(first)
    assert "Key 1 may be dropped." in run(f"{first},{second}")
    assert "may be dropped" not in run(second)
