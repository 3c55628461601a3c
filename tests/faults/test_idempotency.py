"""`Idempotency-Key` under fire: one effect and one answer, however often and whatever dies."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy.engine import make_url

from assurance import Reached
from crm_saas.kit.wire import COMMIT
from factories.customers import new_name, new_phone
from factories.database import rows
from factories.processes import wait_for
from factories.proxies import Direction, Fate, Proxy, proxy_to
from factories.tenants import TestTenant
from faults.installation import Installation, prepared
from sizes import sized

KEYS = sized(short=20, long=200)
PARALLEL = sized(short=10, long=20)
AT_ONCE = 4
KILLS = sized(short=2, long=15, full=50)
TRY_SECONDS_MAX = 120
RETRY_SECONDS = 0.05
IN_FLIGHT = "idempotency-key-in-flight"


def body() -> dict[str, str]:
    return {"name": new_name(), "phone": new_phone()}


def customers_of(tenant: TestTenant) -> int:
    query = "select count(*) from org_customers_mst where tenant_org_id = %s"
    return int(rows(tenant.server.settings, query, tenant.id)[0][0])


def test_many_keys_many_times_at_once(installation: Installation, reached: Reached) -> None:
    """Half of them are another tenant's, and the same keys."""
    tenants = [installation.tenant() for _ in range(2)]
    answers = asyncio.run(storm([(tenant, tenant.key("pos")) for tenant in tenants]))
    for tenant in tenants:
        assert customers_of(tenant) == KEYS // 2
    ids = {httpx.Response(200, content=content).json()["id"] for content in answers}
    assert len(ids) == KEYS
    reached("keys, each sent many times at once to two processes, one effect each", KEYS)
    reached("requests at once under one key", str(PARALLEL))


async def storm(tenants: list[tuple[TestTenant, str]]) -> list[bytes]:
    """The one answer of each key, however often it was sent."""
    keys = [(*tenant, f"key-{number}") for tenant in tenants for number in range(KEYS // 2)]
    found: list[bytes] = []
    limits = httpx.Limits(max_connections=AT_ONCE * PARALLEL)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        while keys:
            chosen = [keys.pop() for _ in range(min(AT_ONCE, len(keys)))]
            found += await asyncio.gather(
                *(
                    agreed(client, tenant.server.url, credential, key)
                    for tenant, credential, key in chosen
                )
            )
    return found


async def agreed(client: httpx.AsyncClient, url: str, credential: str, key: str) -> bytes:
    headers = {"Authorization": f"Bearer {credential}", "Idempotency-Key": key}
    sent = body()

    async def send() -> httpx.Response:
        async with asyncio.timeout(TRY_SECONDS_MAX):
            while True:
                try:
                    answer = await client.post(
                        f"{url}/api/v1/customers", json=sent, headers=headers
                    )
                except httpx.TransportError:
                    continue  # an idle connection was closed just then: once more, as a till does
                if answer.is_success:
                    return answer
                if answer.status_code == 409:
                    assert answer.json()["type"].endswith(IN_FLIGHT), answer.text
                else:
                    assert answer.status_code == 503, answer.text
                assert "Retry-After" in answer.headers
                await asyncio.sleep(RETRY_SECONDS)

    answers = await asyncio.gather(*(send() for _ in range(PARALLEL)))
    told = {(answer.status_code, answer.content) for answer in answers}
    assert len(told) == 1, told
    firsts = [a for a in answers if "Idempotency-Replayed" not in a.headers]
    assert len(firsts) <= 1, "the request ran more than once"
    return answers[0].content


@dataclass
class Line:
    """A server of one process between two proxies, and what it would have answered."""

    installation: Installation
    database: Proxy
    client: Proxy
    unheard: bytes = b""

    def hold_confirmation(self) -> None:
        """The database commits, and the server never hears of it."""
        committed = False

        def judge(direction: Direction, chunk: bytes) -> Fate:
            nonlocal committed
            committed = committed or (direction == "request" and COMMIT.statement.name in chunk)
            return Fate.SWALLOW if committed and direction == "answer" else Fate.PASS

        self.database.judge = judge

    def hold_answer(self) -> None:
        """The server answers, and the client never hears of it."""

        def judge(direction: Direction, chunk: bytes) -> Fate:
            if direction == "answer":
                self.unheard += chunk
                return Fate.SWALLOW
            return Fate.PASS

        self.client.judge = judge

    def release(self) -> None:
        self.database.judge = self.client.judge = lambda _direction, _chunk: Fate.PASS

    def crash(self) -> None:
        """The whole server dies, and a service manager starts it again."""
        os.killpg(self.installation.server.process.pid, signal.SIGKILL)
        self.installation.server.process.wait()
        self.client.cut_all()
        self.release()
        self.installation.restart_server()
        self.installation.await_ready()


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    with (
        prepared(workers=1) as installation,
        proxy_to(installation.postgres.port) as database,
        proxy_to(installation.port) as client,
    ):
        url = make_url(installation.server.environment["CRM_APP_DATABASE_URL"])
        through = url.set(port=database.port).render_as_string(hide_password=False)
        installation.server.environment["CRM_APP_DATABASE_URL"] = through
        installation.start()
        yield Line(installation, database, client)


@pytest.mark.parametrize("held", ["confirmation", "answer"])
def test_a_kill_between_commit_and_answer(line: Line, reached: Reached, held: str) -> None:
    tenant = line.installation.tenant()
    till, other = tenant.key("pos"), tenant.key("manager")
    kills = (KILLS + 1) // 2
    for number in range(kills):
        asyncio.run(killed_in_between(line, tenant, (till, other), f"key-{number}", held))
    assert customers_of(tenant) == kills
    reached("kills of the server between commit and answer, one effect and one answer each", kills)


async def killed_in_between(
    line: Line, tenant: TestTenant, credentials: tuple[str, str], key: str, held: str
) -> None:
    headers = {"Authorization": f"Bearer {credentials[0]}", "Idempotency-Key": key}
    sent, path = body(), "/api/v1/customers"
    line.unheard = b""
    async with call(line, headers) as client:
        await client.get(f"/api/v1/customers?search={key}")  # connected, and the pool is warm
        hold = line.hold_answer if held == "answer" else line.hold_confirmation
        hold()
        lost = asyncio.create_task(client.post(path, json=sent))
        await asyncio.to_thread(await_commit, line, tenant, key, held)
        assert not lost.done()
        await asyncio.to_thread(line.crash)
        with pytest.raises(httpx.TransportError):
            await lost
        first, second = [await client.post(path, json=sent) for _ in range(2)]
        # Another principal's key of the same name is another key.
        other = {"Authorization": f"Bearer {credentials[1]}"}
        refused = await client.post(path, json=sent, headers=other)
    assert first.status_code == second.status_code == 201
    assert first.headers["Idempotency-Replayed"] == second.headers["Idempotency-Replayed"] == "true"
    assert first.content == second.content
    if held == "answer":
        assert line.unheard.endswith(first.content)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "phone-taken")


@asynccontextmanager
async def call(line: Line, headers: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{line.client.port}"
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
        yield client


def await_commit(line: Line, tenant: TestTenant, key: str, held: str) -> None:
    """Until the effect is committed; and, where the answer is held, the server has given it."""
    query = "select 1 from org_idempotency_keys where tenant_org_id = %s and key = %s"

    def committed() -> bool:
        answered = held != "answer" or line.unheard.endswith(b"}")
        return answered and bool(rows(tenant.server.settings, query, tenant.id, key))

    wait_for("the commit", committed, seconds_max=TRY_SECONDS_MAX)
