"""What is counted, and who may read it."""

import asyncio
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from crm_saas.kit.db import Database
from crm_saas.kit.queue.watch import measure_queue
from crm_saas.kit.settings import Settings
from crm_saas.kit.telemetry import metrics
from crm_saas.worker import open_queue
from factories.servers import Server, run_server
from factories.tenants import TestTenant
from factories.waiting import until

TOKEN = "a token of the tests"
NO_PID, DEAD = 1 << 23, 300  # numbers that no kernel gives


def read(server: Server, token: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(f"{server.url}/metrics", headers=headers)


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0


def becomes(expected: float, name: str, **labels: str) -> None:
    """A request is counted once its answer is out: a moment after its caller has it."""
    until(lambda: value(name, **labels) == expected)


def test_a_request_is_counted_by_its_route(server: Server, tenant: TestTenant) -> None:
    path = "/api/v1/customers/{customer_id}"
    labels = {"route": path, "method": "GET"}
    before = value("crm_http_requests_total", **labels, status="404")
    timed = value("crm_http_request_duration_seconds_count", **labels)
    nobody = "00000000-0000-7000-8000-000000000000"
    assert tenant.client().get(f"/customers/{nobody}").status_code == 404
    becomes(before + 1, "crm_http_requests_total", **labels, status="404")
    becomes(timed + 1, "crm_http_request_duration_seconds_count", **labels)
    assert nobody not in read(server).text


def test_paths_and_methods_that_nobody_knows_share_one_label(server: Server) -> None:
    labels = {"route": "unmatched", "method": "GET", "status": "404"}
    before = value("crm_http_requests_total", **labels)
    for path in ("/made-up", "/api/v1/made-up-too", "/wp-admin"):
        assert httpx.get(server.url + path).status_code == 404
    becomes(before + 3, "crm_http_requests_total", **labels)
    httpx.request("PROPFIND", server.url + "/api/v1/customers")
    page = read(server).text
    assert "made-up" not in page
    assert "PROPFIND" not in page


def test_a_replay_is_counted(tenant: TestTenant) -> None:
    before = value("crm_idempotent_replays_total")
    for _ in range(3):
        tenant.client().post(
            "/customers", json={"type": "guest"}, headers={"Idempotency-Key": "one key"}
        )
    assert value("crm_idempotent_replays_total") == before + 2


def test_connections_are_counted_in_and_out(settings: Settings) -> None:
    async def look() -> list[float]:
        database = Database(settings)
        labels = {"role": "crm_app", "pool": "batches"}
        start = value("crm_db_pool_in_use", **labels)
        async with database.session("batches") as one, database.session("batches") as two:
            await one.connection()
            await two.connection()
            lent = value("crm_db_pool_in_use", **labels) - start
        back = value("crm_db_pool_in_use", **labels) - start
        await database.close()
        return [lent, back]

    assert asyncio.run(look()) == [2, 0]


def test_waiting_for_a_connection_in_vain_is_counted(settings: Settings) -> None:
    async def wait() -> None:
        database = Database(replace(settings, pool_size=1, pool_timeout_seconds=0.01))
        async with database.session() as one, database.session() as two:
            await one.connection()
            with pytest.raises(PoolTimeout):
                await two.connection()
        await database.close()

    labels = {"role": "crm_app", "pool": "requests"}
    before = value("crm_db_pool_timeouts_total", **labels)
    asyncio.run(wait())
    assert value("crm_db_pool_timeouts_total", **labels) == before + 1


def test_the_queue_is_measured(settings: Settings, owner_connection: psycopg.Connection) -> None:
    owner_connection.execute("set search_path = jobs")
    owner_connection.execute(
        """
        insert into jobs.procrastinate_jobs (queue_name, task_name, status, scheduled_at)
        values
            ('otp', 'otp.deliver', 'todo', now() - interval '1 minute'),
            ('otp', 'otp.deliver', 'todo', now() + interval '1 hour'),
            ('otp', 'otp.deliver', 'todo', null),
            ('otp', 'otp.deliver', 'failed', null),
            ('made up', 'made.up', 'failed', null)
        """
    )

    async def measure() -> None:
        async with open_queue(settings) as queue:
            await measure_queue(queue.app)

    asyncio.run(measure())
    assert value("crm_jobs_waiting", queue="otp") == 2
    assert 60 <= value("crm_jobs_oldest_waiting_seconds", queue="otp") < 120
    assert value("crm_jobs_parked", queue="otp") == 1
    assert value("crm_jobs_parked", queue="unknown") == 1
    assert value("crm_jobs_waiting", queue="customers") == 0


def test_the_page_is_for_who_has_the_token(settings: Settings) -> None:
    with run_server(replace(settings, metrics_token=TOKEN)) as server:
        refused = [read(server), read(server, "another"), read(server, TOKEN + "x")]
        given = read(server, TOKEN)
        openmetrics = httpx.get(
            f"{server.url}/metrics",
            headers={
                "Authorization": f"Bearer {TOKEN}",
                "Accept": "application/openmetrics-text; version=1.0.0",
            },
        )
    for answer in refused:
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert given.status_code == 200
    assert given.headers["content-type"].startswith("text/plain")
    assert 'crm_build_info{version="' in given.text
    assert openmetrics.text.endswith("# EOF\n")


def test_production_without_a_token_has_no_such_page(settings: Settings) -> None:
    production = replace(
        settings,
        environment="production",
        otp_sender="twilio",
        twilio_account_sid="AC0",
        twilio_auth_token="x",
        twilio_from="+15005550006",
    )
    with run_server(production) as server:
        answer = read(server)
        assert answer.status_code == 404
        assert answer.json()["detail"].startswith("There is no such path")


def test_the_names_of_labels_are_these() -> None:
    """Whoever adds one asks whether its values are few, and nobody's."""
    labels = {
        name
        for family in metrics.REGISTRY.collect()
        for sample in family.samples
        for name in sample.labels
    }
    allowed = {"route", "method", "status", "role", "pool", "job", "queue", "outcome", "channel"}
    assert labels <= allowed | {"budget", "version", "le"}
    for family in metrics.REGISTRY.collect():
        assert re.fullmatch(r"crm_[a-z_]+", family.name)


def test_scrapes_at_once_forget_the_dead_together(tmp_path: Path) -> None:
    """Each of their files is there when one looks, and gone when it takes it away."""
    for number in range(DEAD):
        (tmp_path / f"gauge_livesum_{NO_PID + number}.db").touch()
    with ThreadPoolExecutor(4) as threads:
        for scrape in [threads.submit(metrics.forget_the_dead, tmp_path) for _ in range(4)]:
            scrape.result()
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_somebody_elses_process_has_is_of_the_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    (tmp_path / "gauge_livesum_1.db").touch()
    metrics.forget_the_dead(tmp_path)
    assert list(tmp_path.iterdir()) == []
