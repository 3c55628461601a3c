"""`crm-saas serve` and `crm-saas worker` as production runs them: processes, ports and signals."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import psutil
import pytest

from crm_saas.kit.db import Database
from crm_saas.kit.draining import Drain
from crm_saas.kit.health import Readiness
from crm_saas.kit.settings import Settings, SettingsError
from crm_saas.kit.telemetry.listener import listening
from factories.waiting import SECONDS_MAX, until

COMMAND = [sys.executable, "-c", "from crm_saas.cli import main; main()"]
TOKEN = "a token of the tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@contextmanager
def running(
    settings: Settings, *arguments: str, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "CRM_METRICS_TOKEN": TOKEN,
        **variables,
    }
    process = subprocess.Popen([*COMMAND, *arguments], env=environment)
    try:
        yield process
    finally:
        if process.poll() is None:
            children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            for child in children:
                child.kill()
        process.wait(SECONDS_MAX)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def status_of(url: str) -> int | None:
    try:
        return httpx.get(url, timeout=10).status_code
    except httpx.TransportError:
        return None


def value(text: str, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    assert found, f"{series} is not in\n{text}"
    return float(found[1])


def test_sigterm_turns_readiness_first_and_fails_no_request(settings: Settings, port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    arguments = ("serve", "--port", str(port), "--workers", "2")
    with running(settings, *arguments, CRM_DRAIN_SECONDS="600") as process:
        until(lambda: status_of(f"{url}/health/ready") == 200)
        workers = psutil.Process(process.pid).children(recursive=True)

        # One scrape tells of both processes, whichever it meets.
        asked = 40
        for _ in range(asked):
            assert status_of(f"{url}/api/v1/auth/me") == 401
        page = httpx.get(f"{url}/metrics", headers=BEARER).text
        series = 'crm_http_requests_total{method="GET",route="/api/v1/auth/me",status="401"}'
        assert value(page, series) == asked
        assert value(page, 'crm_db_pool_size{pool="requests",role="crm_app"}') == 20

        statuses: list[int] = []
        stop = threading.Event()

        def ask() -> None:
            with httpx.Client(base_url=url, timeout=10) as client:
                while not stop.is_set():
                    statuses.append(client.get("/api/v1/auth/me").status_code)

        callers = [threading.Thread(target=ask) for _ in range(4)]
        for caller in callers:
            caller.start()
        process.send_signal(signal.SIGTERM)
        until(lambda: status_of(f"{url}/health/ready") == 503)
        served = len(statuses)
        until(lambda: len(statuses) > served + 20)  # it serves on
        closing = httpx.get(f"{url}/health/live")
        assert (closing.status_code, closing.headers["connection"]) == (200, "close")
        stop.set()  # as a balancer that saw the 503
        for caller in callers:
            caller.join(SECONDS_MAX)
        assert set(statuses) == {401}
        assert process.poll() is None
        for worker in workers:
            if "spawn_main" in " ".join(worker.cmdline()):
                worker.send_signal(signal.SIGINT)  # at once, then
        assert process.wait(SECONDS_MAX) == 0
        assert psutil.wait_procs(workers, timeout=SECONDS_MAX)[1] == []


def test_it_stops_by_itself_once_it_has_drained(settings: Settings, port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    with running(settings, "serve", "--port", str(port), CRM_DRAIN_SECONDS="1") as process:
        until(lambda: status_of(f"{url}/health/ready") == 200)
        for _ in range(3):  # a process group is told as a whole, and its members by each other
            process.send_signal(signal.SIGTERM)
        until(lambda: status_of(f"{url}/health/ready") == 503)
        assert process.wait(SECONDS_MAX) in {0, -signal.SIGTERM}
        assert status_of(url) is None


def test_a_worker_tells_of_itself_on_a_port_of_its_own(settings: Settings, port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    with running(settings, "worker", CRM_METRICS_PORT=str(port)) as process:
        until(lambda: status_of(f"{url}/health/ready") == 200)
        assert status_of(f"{url}/metrics") == 401
        until(lambda: 'crm_jobs_waiting{queue="otp"} ' in metrics_of(url))
        page = metrics_of(url)
        assert value(page, "crm_database_up") == 1
        assert value(page, 'crm_jobs_parked{queue="otp"}') == 0
        assert status_of(f"{url}/api/v1/customers") == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS_MAX) == 0


def test_a_port_that_is_taken_is_named(settings: Settings) -> None:
    async def listen(port: int) -> None:
        readiness = Readiness(Database(settings), Drain())
        async with listening(readiness, replace(settings, metrics_port=port), "127.0.0.1"):
            pass

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match=r"CRM_METRICS_PORT=\d+ on 127.0.0.1"):
            asyncio.run(listen(taken.getsockname()[1]))


def metrics_of(url: str) -> str:
    return httpx.get(f"{url}/metrics", headers=BEARER, timeout=10).text
