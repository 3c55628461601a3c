"""No caller can choose a name whose lock is another's, or one of ours."""

import re
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from crm_saas.customers.persons import ROTATION_LOCK, phone_hashes
from crm_saas.kit.crypto import KeyRing
from crm_saas.kit.locks import lock_number
from crm_saas.kit.schema import MIGRATE_LOCK
from crm_saas.kit.settings import Settings
from factories.codes import new_mobile
from factories.customers import new_phone
from factories.database import as_role
from factories.tenants import TestTenant
from shell_blocks import ROOT

NUMBER = "select pg_advisory_lock(hashtextextended(%s, 0))"


def test_the_lock_of_a_name_cannot_be_worked_out_from_it(tenant: TestTenant) -> None:
    """Whoever knows the text and the function has nobody's lock."""
    api, phone = tenant.client("pos"), new_phone()
    owner = api.get("/auth/me").json()["id"]
    with as_role(tenant.server.settings) as holder:
        for principal in (f"key:{owner}", f"api_key:{owner}"):
            holder.execute(NUMBER, [f"{tenant.id}|{principal}|POST /api/v1/customers|a"])
        holder.execute(NUMBER, [f"{tenant.id}|phone|{phone}"])
        answer = api.post(
            "/customers", json={"name": "A", "phone": phone}, headers={"Idempotency-Key": "a"}
        )
    assert answer.status_code == 201


@pytest.mark.parametrize("number", [ROTATION_LOCK, MIGRATE_LOCK])
def test_no_number_of_a_name_is_a_lock_of_ours(settings: Settings, number: int) -> None:
    hashes = phone_hashes(KeyRing.from_settings(settings), new_mobile())
    with as_role(settings) as holder, as_role(settings) as platform:
        holder.execute("select pg_advisory_lock(%s)", [number])
        platform.execute("set statement_timeout = '5s'")
        platform.execute(
            "select person_of_phone(%s, %s, %s)", [list(hashes.values()), list(hashes), uuid4()]
        )
        taken = platform.execute("select pg_try_advisory_lock(%s, 0)", [number]).fetchone()
        assert taken == (True,)


def test_persons_wait_for_a_rotation(settings: Settings) -> None:
    hashes = phone_hashes(KeyRing.from_settings(settings), new_mobile())
    with as_role(settings) as rotation, as_role(settings) as platform:
        rotation.execute("select pg_advisory_lock(%s, 0)", [ROTATION_LOCK])
        platform.execute("set statement_timeout = '100ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            platform.execute(
                "select person_of_phone(%s, %s, %s)", [list(hashes.values()), list(hashes), uuid4()]
            )


def test_numbers_are_a_keys_own_and_stay_when_one_is_added(settings: Settings) -> None:
    number = lock_number(settings, "claim", "a", "b")
    assert -(2**63) <= number < 2**63
    assert number not in {lock_number(settings, "claim", "ab"), lock_number(settings, "claim")}
    keys = settings.master_keys
    assert lock_number(
        replace(settings, master_keys={**keys, 9: bytes(32)}), "claim", "a", "b"
    ) == (number)
    assert lock_number(replace(settings, master_keys={1: bytes(32)}), "claim", "a", "b") != number


def test_no_statement_locks_what_a_text_says() -> None:
    """Nor one of the numbers that callers' locks share."""
    files = [*Path(ROOT, "src").rglob("*.py"), *Path(ROOT, "sql").rglob("*.sql")]
    single = re.compile(
        r"pg_\w*advisory\w*lock\w*\((?!%s, 0\)|rotation_lock, 0\)|:?number\)|lock_number\))"
    )
    found = [file.name for file in files if single.search(file.read_text())]
    assert found == ["otp_start_challenge.sql"]  # of a phone that is hashed with a key
