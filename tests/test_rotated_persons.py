"""Persons are found by their phones after a rotation, or wait for the key that they need."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from crm_saas.customers.persons import phone_hashes
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.settings import Settings, SettingsError
from crm_saas.rotation import rotate_master
from factories.codes import new_mobile
from factories.customers import create_stub
from factories.database import as_role, rows
from factories.merges import merge, undo
from factories.rotations import OLD, age_persons, person_of, proved_customer, ring
from factories.servers import Server, run_server
from factories.tenants import make_tenant


@pytest.fixture
def old_server(settings: Settings) -> Iterator[Server]:
    with run_server(ring(settings, 1)) as server:
        yield server


def plant_person(settings: Settings, phone: str, key: int) -> UUID:
    """As verified some hours ago, while `key` was the newest."""
    person = uuid4()
    with as_role(settings) as platform:
        platform.execute(
            "insert into sys_customers_mst (id, phone_hash, key_version, created_at)"
            " values (%s, %s, %s, now() - interval '2 hours')",
            [person, phone_hashes(KeyRing(ring(settings, key).master_keys), phone)[key], key],
        )
    return person


def found(settings: Settings, phone: str, key: int) -> list[tuple[Any, ...]]:
    hashed = phone_hashes(KeyRing(ring(settings, key).master_keys), phone)[key]
    return rows(settings, "select id from sys_customers_mst where phone_hash = %s", hashed)


def test_a_ring_without_the_newest_key_is_refused(settings: Settings) -> None:
    phone = new_mobile()
    person = plant_person(settings, phone, 3)
    with pytest.raises(SettingsError, match="1 persons in sys_customers_mst were made with key 3"):
        rotate_master(ring(settings, 1, 2))
    assert found(settings, phone, 3) == [(person,)]


def test_persons_of_a_key_that_went_too_early_wait_for_it(settings: Settings) -> None:
    phone = new_mobile()
    person = plant_person(settings, phone, 1)
    [lost] = rotate_master(ring(settings, 2, 3)).missing_keys
    assert (lost.version, lost.needed_by) == (1, ["1 persons in sys_customers_mst"])
    assert found(settings, phone, 1) == [(person,)]


def test_a_merge_undone_after_a_rotation_has_its_person_back(
    settings: Settings, old_server: Server
) -> None:
    """Meanwhile the phone is nobody's own: it finds the survivor beside the phone it took."""
    kept, taken = new_mobile(), new_mobile()
    with make_tenant(old_server) as shop:
        api = shop.client("owner")
        target, person = proved_customer(shop, kept)
        source, _ = proved_customer(shop, taken)
        done = merge(api, source, target, choices={"phone": "source"})
        age_persons(settings)
        rotate_master(ring(settings, 1, 2))
        undo(api, done)
        assert found(settings, kept, 2) == [(person,)]
        assert person_of(shop, target) == person


def test_a_person_to_whom_a_customer_is_linked_is_not_given_up(
    settings: Settings, old_server: Server
) -> None:
    """The run may have passed the phone before the customer got it: the next run moves it."""
    phone = new_mobile()
    with make_tenant(old_server) as shop:
        _, person = proved_customer(shop, new_mobile())
        age_persons(settings)
        with as_role(settings) as platform:
            hashed = phone_hashes(KeyRing({1: OLD}), phone)[1]
            platform.execute("update sys_customers_mst set phone_hash = %s", [hashed])
        [key] = rotate_master(ring(settings, 1, 2)).old_keys
        assert "1 persons in sys_customers_mst" in key.needed_by
        create_stub(shop.client("owner"), phone=phone)
        rotate_master(ring(settings, 1, 2))
        assert found(settings, phone, 2) == [(person,)]


def test_of_two_persons_of_one_phone_one_is_moved(settings: Settings, old_server: Server) -> None:
    phone = new_mobile()
    plant_person(settings, phone, 1)
    newer = plant_person(settings, phone, 2)
    with make_tenant(old_server) as shop:
        create_stub(shop.client("owner"), phone=phone)
    assert rotate_master(ring(settings, 1, 2, 3)).moved["sys_customers_mst.phone_hash"] == 1
    assert found(settings, phone, 3) == [(newer,)]


def test_a_person_whom_no_phone_leads_to_holds_up_nothing(settings: Settings) -> None:
    with as_role(settings) as platform:
        platform.execute(
            "insert into sys_customers_mst (id, phone_hash, created_at)"
            " values (%s, 'a', now() - interval '2 hours'), (%s, 'b', now())",
            [uuid4(), uuid4()],
        )
    assert rotate_master(ring(settings, 1)).moved["persons whom no customer's phone leads to"] == 0
    done = rotate_master(ring(settings, 1, 2))
    assert done.moved["persons whom no customer's phone leads to"] == 1
    # The other may be about to get its customer.
    assert [key.needed_by for key in done.old_keys] == [["1 persons in sys_customers_mst"]]
