"""Signing in with e-mail and password; sessions that can be seen and ended."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from crm_saas.access import tasks
from crm_saas.kit.db import Database
from crm_saas.kit.settings import Settings
from factories.customers import create_stub
from factories.servers import Server, run_server
from factories.tenants import TestTenant, make_tenant

PASSWORD = "a long password"


def sign_in(server: Server, email: str, password: str = PASSWORD) -> httpx.Response:
    with server.client() as nobody:
        return nobody.post("/auth/login", json={"email": email, "password": password})


@pytest.fixture
def open_session(server: Server) -> Iterator["Sessions"]:
    with ExitStack() as stack:
        yield Sessions(server, stack)


class Sessions:
    def __init__(self, server: Server, stack: ExitStack) -> None:
        self._server, self._stack = server, stack

    def __call__(self, email: str, **headers: str) -> httpx.Client:
        token = sign_in(self._server, email).json()["token"]
        return self._stack.enter_context(self._server.client(token, **headers))


def test_in_and_out(tenant: TestTenant, open_session: Sessions) -> None:
    member = tenant.member("manager")
    session = open_session(member.email)
    me = session.get("/auth/me").json()
    assert (me["kind"], me["role"], me["tenantSlug"]) == ("staff", "manager", tenant.slug)
    assert session.get("/customers").status_code == 200
    assert session.post("/auth/logout").status_code == 204
    assert session.get("/auth/me").status_code == 401


def test_an_email_signs_in_however_it_is_typed(tenant: TestTenant) -> None:
    email = f"{uuid.uuid4().hex[:8]}@staff.example"
    tenant.member("support", email=email)
    assert sign_in(tenant.server, f" {email.upper()} ").status_code == 200


def test_one_of_two_sessions_is_ended(tenant: TestTenant, open_session: Sessions) -> None:
    member = tenant.member("manager")
    here, there = open_session(member.email), open_session(member.email)
    sessions = here.get("/auth/sessions").json()["items"]
    assert len(sessions) == 2
    [other] = [session["id"] for session in sessions if not session["current"]]
    assert here.delete(f"/auth/sessions/{other}").status_code == 204
    assert there.get("/auth/me").status_code == 401
    assert here.get("/auth/me").status_code == 200
    assert here.delete(f"/auth/sessions/{other}").status_code == 404


def test_nobody_ends_anothers_session(tenant: TestTenant, open_session: Sessions) -> None:
    one, other = (open_session(tenant.member("manager").email) for _ in range(2))
    [theirs] = other.get("/auth/sessions").json()["items"]
    assert one.delete(f"/auth/sessions/{theirs['id']}").status_code == 404
    assert tenant.client("owner").delete(f"/auth/sessions/{theirs['id']}").status_code == 404
    assert other.get("/auth/me").status_code == 200


def test_a_wrong_password_is_like_an_unknown_email(tenant: TestTenant) -> None:
    member = tenant.member()
    wrong = sign_in(tenant.server, member.email, "not the password")
    unknown = sign_in(tenant.server, "nobody@staff.example")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() | {"requestId": ""} == unknown.json() | {"requestId": ""}


def test_an_account_rests_after_ten_wrong_passwords(fresh_server: Server) -> None:
    with make_tenant(fresh_server) as tenant:
        member, other = tenant.member(), tenant.member()
        for _ in range(9):
            assert sign_in(fresh_server, member.email, "wrong").status_code == 401
        assert sign_in(fresh_server, member.email).status_code == 200
        for _ in range(10):
            assert sign_in(fresh_server, member.email, "wrong").status_code == 401
        assert sign_in(fresh_server, member.email).status_code == 401
        assert sign_in(fresh_server, other.email).status_code == 200


def test_what_succeeds_costs_the_address_nothing(
    fresh_server: Server, owner_connection: psycopg.Connection
) -> None:
    with make_tenant(fresh_server) as tenant:
        member = tenant.member()
        sign_in(fresh_server, member.email, "wrong")
        for _ in range(3):
            assert sign_in(fresh_server, member.email).status_code == 200
    attempts = owner_connection.execute("select attempts from sys_log_in_attempts").fetchall()
    assert attempts == [(1,)]


def test_log_ins_are_in_the_trail_of_each_tenant(
    fresh_server: Server, run_jobs: Callable[[], None], owner_connection: psycopg.Connection
) -> None:
    with (
        make_tenant(fresh_server) as one,
        make_tenant(fresh_server) as two,
        make_tenant(fresh_server) as stranger,
    ):
        member = one.member("manager")
        two.member("support", email=member.email)
        one.member("manager")
        refused = sign_in(fresh_server, member.email, "not the password")
        opened = sign_in(fresh_server, member.email)
        sign_in(fresh_server, "nobody@staff.example")
        queued = owner_connection.execute(
            "select args::text from jobs.procrastinate_jobs where task_name = 'access.note_log_in'"
        ).fetchall()
        assert len(queued) == 4  # none for the unknown
        assert "127.0.0.1" not in str(queued)
        run_jobs()
        for tenant, role in ((one, "manager"), (two, "support")):
            trail = log_ins(tenant)
            assert [event["kind"] for event in trail] == ["session.refused", "session.opened"]
            assert [event["actorKind"] for event in trail] == ["system", "staff"]
            assert trail[1]["actorRole"] == role
            assert {event["address"] for event in trail} == {"127.0.0.1"}
            assert trail[0]["requestId"] == refused.headers["X-Request-Id"]
            assert trail[1]["requestId"] == opened.headers["X-Request-Id"]
            assert "not the password" not in str(trail)
        assert log_ins(stranger) == []


def log_ins(tenant: TestTenant) -> list[dict[str, Any]]:
    trail = tenant.client("owner").get("/audit").json()["items"]
    return [event for event in reversed(trail) if event["kind"].startswith("session.")]


def test_a_log_in_that_is_noted_twice_is_recorded_once(
    fresh_server: Server, run_jobs: Callable[[], None], owner_connection: psycopg.Connection
) -> None:
    with make_tenant(fresh_server) as tenant:
        sign_in(fresh_server, tenant.member().email)
        owner_connection.execute(
            "set search_path = jobs;"
            "insert into procrastinate_jobs (queue_name, task_name, args)"
            " select queue_name, task_name, args from procrastinate_jobs"
        )
        run_jobs()
        assert len(log_ins(tenant)) == 1


def test_a_resting_account_fills_no_trail(
    fresh_server: Server, run_jobs: Callable[[], None]
) -> None:
    with make_tenant(fresh_server) as tenant:
        member = tenant.member()
        for _ in range(13):
            sign_in(fresh_server, member.email, "wrong")
        run_jobs()
        assert [event["kind"] for event in log_ins(tenant)] == ["session.refused"] * 10


def test_old_attempts_and_sessions_are_removed(
    fresh_server: Server, owner_connection: psycopg.Connection
) -> None:
    with make_tenant(fresh_server) as tenant:
        members = [tenant.member() for _ in range(4)]
        for member in members:
            sign_in(fresh_server, member.email)
        for member in members[:2]:
            sign_in(fresh_server, member.email, "wrong")
        ended = {
            "expires_at = now() - interval '31 days'": members[0],
            "revoked_at = now() - interval '31 days'": members[1],
            "revoked_at = now() - interval '29 days'": members[2],
        }
        for change, member in ended.items():
            owner_connection.execute(
                f"update sys_staff_sessions s set {change} from sys_staff_mst p"
                f" where p.id = s.staff_id and p.email = '{member.email}'".encode()
            )
        owner_connection.execute(
            "update sys_log_in_attempts set window_started_at = now() - interval '61 minutes'"
            " where name_hash = (select min(name_hash) from sys_log_in_attempts)"
        )
        before = owner_connection.execute("select count(*) from sys_log_in_attempts").fetchone()
        asyncio.run(clean_up(fresh_server.settings))
        kept = owner_connection.execute(
            "select p.email from sys_staff_sessions s join sys_staff_mst p on p.id = s.staff_id"
        ).fetchall()
        assert {email for (email,) in kept} == {member.email for member in members[2:]}
        left = owner_connection.execute("select count(*) from sys_log_in_attempts").fetchone()
        assert (before, left) == ((3,), (2,))


async def clean_up(settings: Settings) -> None:
    platform = Database(settings, "crm_platform")
    await tasks.clean_up(platform)
    await platform.close()


def test_two_memberships_need_a_name(
    tenant: TestTenant, other_tenant: TestTenant, open_session: Sessions
) -> None:
    member = tenant.member("manager")
    other_tenant.member("support", email=member.email)
    session = open_session(member.email)
    unnamed = session.get("/customers")
    assert unnamed.status_code == 403
    assert "X-Tenant" in unnamed.json()["detail"]
    for shop, role in ((tenant, "manager"), (other_tenant, "support")):
        me = session.get("/auth/me", headers={"X-Tenant": shop.slug}).json()
        assert (me["tenantSlug"], me["role"]) == (shop.slug, role)
    stranger = session.get("/auth/me", headers={"X-Tenant": "nobody"})
    assert stranger.status_code == 403


def test_a_tenant_of_somebody_else_is_like_one_that_is_not(
    tenant: TestTenant, other_tenant: TestTenant, open_session: Sessions
) -> None:
    other_tenant.member()
    session = open_session(tenant.member().email)
    problems = [
        session.get("/auth/me", headers={"X-Tenant": slug}).json() | {"requestId": ""}
        for slug in (other_tenant.slug, "there-is-no-such-tenant")
    ]
    assert problems[0] == problems[1]
    key = tenant.client("owner").get("/auth/me", headers={"X-Tenant": other_tenant.slug})
    assert key.status_code == 403


def test_a_name_that_is_too_long_is_not_cut(fresh_server: Server) -> None:
    with make_tenant(fresh_server, slug="a" * 63) as tenant:
        owner = tenant.client("owner")
        assert owner.get("/auth/me", headers={"X-Tenant": "a" * 63}).status_code == 200
        assert owner.get("/auth/me", headers={"X-Tenant": "a" * 64}).status_code == 403


def test_the_subdomain_names_the_tenant(settings: Settings) -> None:
    with (
        run_server(replace(settings, base_domain="CRM.example")) as server,
        make_tenant(server) as one,
        make_tenant(server) as two,
    ):
        member = one.member("manager")
        two.member("manager", email=member.email)
        token = sign_in(server, member.email).json()["token"]
        with server.client(token) as session:
            for tenant in (one, two):
                host = {"Host": f"{tenant.slug}.crm.example:443"}
                assert session.get("/auth/me", headers=host).json()["tenantSlug"] == tenant.slug
            assert session.get("/auth/me", headers={"Host": "crm.example"}).status_code == 403
            both = {"Host": f"{one.slug}.crm.example", "X-Tenant": two.slug}
            assert session.get("/auth/me", headers=both).json()["tenantSlug"] == two.slug


def test_support_in_a_session_sees_their_own(tenant: TestTenant, open_session: Sessions) -> None:
    member = tenant.member("support")
    manager = tenant.client("manager")
    mine = create_stub(manager, assignedTo=str(member.id))
    create_stub(manager)
    session = open_session(member.email)
    assert [c["id"] for c in session.get("/customers").json()["items"]] == [mine["id"]]
