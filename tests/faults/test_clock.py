"""A server and a worker whose clock is an hour off, before a database whose clock is right.

What ends at a moment ends by the database's clock, so that no process lengthens it.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from assurance import Reached
from factories.codes import new_mobile, send_code
from factories.customers import create_stub, new_name
from factories.database import as_role
from factories.servers import Server, run_server
from factories.tenants import TestTenant, make_tenant
from faults.installation import Installation, installed
from sizes import sized

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
WORK_SECONDS_MAX = 120

pytestmark = pytest.mark.skipif(
    LIBRARY is None, reason="nothing here moves a clock (Debian: apt-get install faketime)"
)


# Behind is the graver of the two: what has ended would go on.
@pytest.fixture(scope="module", params=sized(short=["-1h"], long=["-1h", "+1h"]))
def off(request: pytest.FixtureRequest) -> Iterator[Installation]:
    """Server and worker an hour off; the database and this process are right."""
    moved = {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME": request.param,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with installed(workers=1, environment=moved) as installation:
        yield installation


@pytest.fixture(scope="module")
def right(off: Installation) -> Iterator[Server]:
    """A second server of the same installation, whose clock is right."""
    with run_server(off.settings) as server:
        yield server


@pytest.fixture
def tenant(off: Installation) -> Iterator[TestTenant]:
    with make_tenant(Server(off.settings, off.url)) as made:
        yield made


def change(off: Installation, statement: str, *values: object) -> None:
    with as_role(off.settings) as platform:
        platform.execute(statement.encode(), values)


def test_the_clock_is_off(off: Installation) -> None:
    date = httpx.get(f"{off.url}/health/live").headers["Date"]
    told = datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert abs(told - datetime.now(UTC)) > timedelta(minutes=50)


def test_customers_are_created_read_and_changed(tenant: TestTenant) -> None:
    api = tenant.client("manager")
    made = create_stub(api)
    assert api.get(f"/customers/{made['id']}").json()["id"] == made["id"]
    assert api.patch(f"/customers/{made['id']}", json={"notes": "x"}).status_code == 200
    assert api.get("/customers?sort=-createdAt").status_code == 200


def test_a_key_ends_by_the_databases_clock(
    off: Installation, right: Server, tenant: TestTenant
) -> None:
    soon = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=30)
    living, ended = (tenant.key("pos", expires_at=soon) for _ in range(2))
    change(
        off,
        "update org_api_keys set expires_at = now() - interval '1 second'"
        " where tenant_org_id = %s and id = (select max(id::text)::uuid from org_api_keys"
        " where tenant_org_id = %s)",
        *(tenant.id, tenant.id),
    )
    for server in (tenant.server, right):
        assert status(server, living) == 200
        assert status(server, ended) == 401


def test_a_session_opens_and_ends_by_the_databases_clock(
    off: Installation, right: Server, tenant: TestTenant
) -> None:
    member = tenant.member("manager")
    credentials = {"email": member.email, "password": "a long password"}
    with tenant.server.client() as nobody:
        signed_in = nobody.post("/auth/login", json=credentials)
    assert signed_in.status_code == 200, signed_in.text
    token = signed_in.json()["token"]
    assert {status(server, token) for server in (tenant.server, right)} == {200}
    with off.superuser() as admin:
        admin.execute("update sys_staff_sessions set expires_at = now() - interval '1 second'")
    assert {status(server, token) for server in (tenant.server, right)} == {401}


def status(server: Server, credential: str) -> int:
    with server.client(credential) as client:
        return client.get("/auth/me").status_code


def test_a_code_is_verified_and_its_proof_redeemed(tenant: TestTenant) -> None:
    phone = new_mobile()
    made = register(tenant, phone, proof_of(tenant, phone))
    assert made.status_code == 201, made.text


def test_an_expired_code_is_refused(off: Installation, tenant: TestTenant) -> None:
    phone = new_mobile()
    code = send_code(tenant, phone)
    with off.superuser() as admin:
        admin.execute("update sys_otp_codes set expires_at = now() - interval '1 second'")
    answer = tenant.client("pos").post("/customers/verify-otp", json={"phone": phone, "code": code})
    assert answer.status_code == 422


def test_an_old_proof_is_refused_everywhere(
    off: Installation, right: Server, tenant: TestTenant
) -> None:
    """Signed by a server whose clock is behind or ahead, and shown to one whose clock is right."""
    phone = new_mobile()
    token = proof_of(tenant, phone)
    with off.superuser() as admin:
        admin.execute("update sys_otp_codes set verified_at = now() - interval '11 minutes'")
    for server in (tenant.server, right):
        assert register(tenant, phone, token, server).status_code == 422


def proof_of(tenant: TestTenant, phone: str) -> str:
    body = {"phone": phone, "code": send_code(tenant, phone)}
    answer = tenant.client("pos").post("/customers/verify-otp", json=body)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["verificationToken"]
    return token


def register(
    tenant: TestTenant, phone: str, token: str, server: Server | None = None
) -> httpx.Response:
    body = {
        "type": "full",
        "name": new_name(),
        "phone": phone,
        "email": f"{phone[1:]}@example.com",
        "verificationToken": token,
    }
    with (server or tenant.server).client(tenant.key("pos")) as client:
        return client.post("/customers", json=body)


def test_answers_are_kept_for_a_day_of_the_databases(off: Installation, tenant: TestTenant) -> None:
    with ExitStack() as stack:
        till = stack.enter_context(tenant.server.client(tenant.key("owner")))
        for key in ("older", "younger"):
            made = till.post("/teams", json={"name": key}, headers={"Idempotency-Key": key})
            assert made.status_code == 201
        for key, age in (("older", "24 hours 1 minute"), ("younger", "23 hours 30 minutes")):
            change(
                off,
                "update org_idempotency_keys set created_at = now() - %s::interval"
                " where tenant_org_id = %s and key = %s",
                *(age, tenant.id, key),
            )
        change(
            off,
            "select enqueue_job_for_tenants(array[%s::uuid], 'tenancy.forget_answers', '{}', 0)",
            tenant.id,
        )
        off.await_jobs(seconds_max=WORK_SECONDS_MAX)
        answers = [
            till.post("/teams", json={"name": key}, headers={"Idempotency-Key": key})
            for key in ("younger", "older")
        ]
    assert [a.headers.get("Idempotency-Replayed") for a in answers] == ["true", None]
    assert answers[1].status_code == 409  # it ran again: the team is there


def test_nothing_broke(off: Installation, reached: Reached) -> None:
    assert "request failed" not in off.server.log()
    assert "Traceback" not in off.worker.log()
    reached("clocks an hour off", 1)
