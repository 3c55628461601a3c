"""Tills at work while things break, and the ledger of what they were told.

Every write carries an Idempotency-Key and is sent again until it is acknowledged, as the docs tell
an integrator to do. The keys of all tenants are the same, so that a key which meant something to
another tenant would show. `verify` holds the database to what the tills were told.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from factories.customers import new_name, new_phone
from factories.database import rows
from factories.tenants import TestTenant
from faults.installation import Installation

CLIENTS_OF_A_TENANT = 3
ANSWER_SECONDS_MAX = 40
WRITE_SECONDS_MAX = 120
WAIT_SECONDS_MAX = 120
RETRY_SECONDS = 0.1
IN_FLIGHT = "idempotency-key-in-flight"


@dataclass
class Write:
    """One line of the ledger."""

    key: str
    path: str
    body: dict[str, Any]
    attempts: int = 0
    answer: httpx.Response | None = None

    @property
    def customer(self) -> dict[str, Any]:
        assert self.answer is not None, f"{self.key} was never acknowledged"
        body: dict[str, Any] = self.answer.json()
        found: dict[str, Any] = body.get("customer", body)
        return found


@dataclass
class Till:
    """A tenant's ledger, and how its tills reach the API."""

    tenant: TestTenant
    url: str
    key: str
    ledger: list[Write] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    """How often which status was met, or which error of the connection."""

    def next_write(self) -> Write:
        number = len(self.ledger)
        body: dict[str, Any] = {"name": new_name(), "phone": new_phone()}
        path = "/customers/find-or-create" if number % 2 else "/customers"
        write = Write(f"key-{number}", path, body)
        self.ledger.append(write)
        return write

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=ANSWER_SECONDS_MAX,
        ) as client:
            yield client


class Load:
    """Writes of several tenants in a thread, until it is stopped."""

    def __init__(
        self, tenants: Sequence[TestTenant], url: str, *, clients: int = CLIENTS_OF_A_TENANT
    ) -> None:
        self.tills = [Till(tenant, url, tenant.key("pos")) for tenant in tenants]
        self.violations: list[str] = []
        self.slowest = 0.0
        """Seconds that an answer took at the most."""
        self._clients = clients
        self._ending = False
        self._heard = threading.Condition()
        self._acknowledged = 0
        self._last_sent_at = 0.0
        self._last_heard_at = 0.0
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    @property
    def writes(self) -> list[Write]:
        return [write for till in self.tills for write in till.ledger]

    @property
    def refusals(self) -> Counter[str]:
        return sum((till.refusals for till in self.tills), Counter())

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Lets each till get the acknowledgement that it waits for."""
        self._ending = True
        self._thread.join(WRITE_SECONDS_MAX + ANSWER_SECONDS_MAX)
        assert not self._thread.is_alive(), "a till still waits for an answer"

    def await_answers(self, count: int) -> None:
        """Until that many more writes are acknowledged."""
        with self._heard:
            wanted = self._acknowledged + count
            arrived = self._heard.wait_for(
                lambda: self._acknowledged >= wanted, timeout=WAIT_SECONDS_MAX
            )
        assert arrived, f"no {count} writes within {WAIT_SECONDS_MAX} s: {self.violations[:3]}"

    def first_answer(self, *, after: float) -> float:
        """When the first write that was sent after this moment (time.monotonic) was answered."""
        with self._heard:
            arrived = self._heard.wait_for(
                lambda: self._last_sent_at > after, timeout=WAIT_SECONDS_MAX
            )
            assert arrived, f"no write succeeded within {WAIT_SECONDS_MAX} s"
            return self._last_heard_at

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for till in self.tills:
                for _ in range(self._clients):
                    group.create_task(self._work(till))

    async def _work(self, till: Till) -> None:
        async with till.client() as client:
            while not self._ending:
                await self._write(client, till, till.next_write())

    async def _write(self, client: httpx.AsyncClient, till: Till, write: Write) -> None:
        deadline = time.monotonic() + WRITE_SECONDS_MAX
        while time.monotonic() < deadline:
            sent_at = time.monotonic()
            answer = await self._send(client, till, write)
            self.slowest = max(self.slowest, time.monotonic() - sent_at)
            if answer is not None and answer.is_success:
                self._acknowledge(write, answer, sent_at)
                return
            if answer is not None and not _may_try_again(answer):
                self.violations.append(f"{write.key}: {answer.status_code} {answer.text}")
                return
            await asyncio.sleep(RETRY_SECONDS)
        self.violations.append(f"{write.key}: no answer in {WRITE_SECONDS_MAX} s")

    async def _send(
        self, client: httpx.AsyncClient, till: Till, write: Write
    ) -> httpx.Response | None:
        """None when the connection broke: the one failure beside 503 that a till may meet."""
        write.attempts += 1
        try:
            answer = await client.post(
                write.path, json=write.body, headers={"Idempotency-Key": write.key}
            )
        except httpx.ReadTimeout:
            self.violations.append(f"{write.key}: silence for {ANSWER_SECONDS_MAX} s")
            return None
        except httpx.TransportError as error:
            till.refusals[type(error).__name__] += 1
            return None
        if not answer.is_success:
            till.refusals[str(answer.status_code)] += 1
        return answer

    def _acknowledge(self, write: Write, answer: httpx.Response, sent_at: float) -> None:
        write.answer = answer
        with self._heard:
            self._acknowledged += 1
            if sent_at > self._last_sent_at:
                self._last_sent_at, self._last_heard_at = sent_at, time.monotonic()
            self._heard.notify_all()

    # What is there afterwards

    def verify(self) -> None:
        """Every promise about the ledger; raises AssertionError for the first that is broken."""
        assert not self.violations, self.violations[:5]
        for till in self.tills:
            _verify_rows(till)
            asyncio.run(_verify_answers(till))


@contextmanager
def under_load(installation: Installation, *, tenants: int = 2, **how: Any) -> Iterator[Load]:
    """Load while the block runs; at its end each promise to the tills is checked."""
    made = [installation.tenant() for _ in range(tenants)]
    load = Load(made, how.pop("url", installation.url), **how)
    load.start()
    try:
        yield load
    finally:
        load.stop()
    load.verify()


def _may_try_again(answer: httpx.Response) -> bool:
    if answer.status_code == 503:
        return "Retry-After" in answer.headers
    return answer.status_code == 409 and str(answer.json()["type"]).endswith(IN_FLIGHT)


def _verify_rows(till: Till) -> None:
    """One customer, one number and one event a key, and numbers without a gap."""
    found = rows(
        till.tenant.server.settings,
        "select c.id::text, c.customer_number, count(e.id)"
        " from org_customers_mst c left join org_events e on e.tenant_org_id = c.tenant_org_id"
        " and e.subject_id = c.id and e.kind = 'customer.created'"
        " where c.tenant_org_id = %s group by 1, 2 order by 2",
        till.tenant.id,
    )
    told = {(write.customer["id"], write.customer["customerNumber"]) for write in till.ledger}
    assert {(customer, number) for customer, number, _ in found} == told
    assert len(found) == len(till.ledger), "a key had another effect than one"
    numbers = [int(number.rpartition("-")[2]) for _, number, _ in found]
    assert numbers == list(range(1, len(numbers) + 1)), "the numbers have a gap"
    assert {events for _, _, events in found} == {1}


async def _verify_answers(till: Till) -> None:
    """What was acknowledged can be read, and is answered again in the same words."""
    waiting = list(till.ledger)

    async def check() -> None:
        async with till.client() as client:
            while waiting:
                await _verify_answer(client, waiting.pop())

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(check())


async def _verify_answer(client: httpx.AsyncClient, write: Write) -> None:
    assert write.answer is not None
    read = await client.get(f"/customers/{write.customer['id']}")
    assert read.status_code == 200, read.text
    assert read.json()["customerNumber"] == write.customer["customerNumber"]
    again = await client.post(write.path, json=write.body, headers={"Idempotency-Key": write.key})
    assert again.status_code == write.answer.status_code, again.text
    assert again.content == write.answer.content
    assert again.headers["Idempotency-Replayed"] == "true"
