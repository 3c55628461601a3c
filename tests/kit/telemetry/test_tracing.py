"""A request, its SQL, the job that it leaves behind and that job's SQL: one trace."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DBAPIError

from crm_saas.kit.db import Database
from crm_saas.kit.jobs import enqueue_for_tenants
from crm_saas.kit.settings import Settings
from crm_saas.kit.telemetry import tracing
from crm_saas.tenancy.registry import create_tenant
from factories.codes import new_mobile
from factories.servers import run_server
from factories.tenants import TestTenant, make_tenant
from factories.waiting import until
from factories.watching import exported_spans, production_log_lines

CALLERS_TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLERS_SPAN = "b7ad6b7169203331"
TRACEPARENT = f"00-{CALLERS_TRACE}-{CALLERS_SPAN}-01"


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    with exported_spans() as exporter:
        yield exporter


@pytest.fixture
def production_log() -> Iterator[StringIO]:
    with production_log_lines() as written:
        yield written


@pytest.fixture
def traced(exported: InMemorySpanExporter, settings: Settings) -> Iterator[TestTenant]:
    with run_server(settings) as server, make_tenant(server) as tenant:
        yield tenant


def finished(exporter: InMemorySpanExporter, kind: SpanKind) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.kind == kind]


def request_span(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    found: list[ReadableSpan] = []

    def ended() -> bool:
        found[:] = [s for s in finished(exporter, SpanKind.SERVER) if s.name == name]
        return bool(found)

    until(ended)
    return found[-1]


def below(exporter: InMemorySpanExporter, parent: ReadableSpan) -> list[ReadableSpan]:
    spans = exporter.get_finished_spans()
    return [s for s in spans if s.parent and s.parent.span_id == parent.context.span_id]


def statements(spans: Sequence[ReadableSpan]) -> list[str]:
    described = [dict(span.attributes or {}) for span in spans]
    return [str(found["db.query.text"]) for found in described if "db.query.text" in found]


def test_one_trace_from_the_caller_to_the_sql_of_the_job(
    exported: InMemorySpanExporter, traced: TestTenant, run_jobs: Callable[[], None]
) -> None:
    answer = traced.client().post(
        "/customers/send-otp",
        json={"phone": "+96892345678", "purpose": "login"},
        headers={"traceparent": TRACEPARENT, "tracestate": "vendor=secret"},
    )
    assert answer.status_code == 202, answer.text
    run_jobs()

    request = request_span(exported, "POST /api/v1/customers/send-otp")
    assert request.parent and f"{request.parent.span_id:016x}" == CALLERS_SPAN
    assert request.context.trace_state == {}
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/v1/customers/send-otp",
        "http.response.status_code": 202,
        "crm.request_id": answer.headers["x-request-id"],
        "crm.tenant": traced.slug,
    }
    sql = statements(below(exported, request))
    assert any("otp_spend(" in statement for statement in sql)
    assert any("enqueue_job(" in statement for statement in sql)
    assert not any("92345678" in statement for statement in sql)

    (job,) = [s for s in finished(exported, SpanKind.CONSUMER) if s.name == "job otp.deliver"]
    assert any("tenant_settings(" in statement for statement in statements(below(exported, job)))
    for span in (request, job, *below(exported, request), *below(exported, job)):
        assert f"{span.context.trace_id:032x}" == CALLERS_TRACE


def test_a_failure_is_told_by_its_kind_and_never_by_its_text(
    exported: InMemorySpanExporter, settings: Settings
) -> None:
    async def fail() -> None:
        database = Database(settings)
        async with database.session() as session:
            with pytest.raises(DBAPIError):
                await session.execute(
                    text("select cast(cast(:value as text) as uuid)"), {"value": "canary"}
                )
        await database.close()

    asyncio.run(fail())
    (failed,) = finished(exported, SpanKind.CLIENT)
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "22P02"
    assert "canary" not in failed.to_json()


def test_an_export_shows_its_statement(exported: InMemorySpanExporter, traced: TestTenant) -> None:
    assert traced.client().get("/customers/export").status_code == 200
    request_span(exported, "GET /api/v1/customers/export")
    sql = statements(finished(exported, SpanKind.CLIENT))
    assert any(statement.startswith("copy (SELECT") for statement in sql)


@pytest.mark.parametrize("header", ["", "made up", f"00-{'0' * 32}-{'0' * 16}-01", "x" * 5000])
def test_a_trace_that_is_none_begins_anew(
    exported: InMemorySpanExporter, traced: TestTenant, header: str
) -> None:
    answer = traced.client().get("/auth/me", headers={"traceparent": header})
    assert answer.status_code == 200
    assert request_span(exported, "GET /api/v1/auth/me").parent is None


def test_the_same_job_of_another_trace_is_not_enqueued_twice(
    exported: InMemorySpanExporter, settings: Settings
) -> None:
    async def enqueue_twice() -> list[int]:
        platform, counts = Database(settings, "crm_platform"), []
        tenant = await create_tenant(platform, slug="shop", name="Shop")
        for _ in range(2):
            with tracing.request_span("POST", {}):
                async with platform.transaction(None) as session:
                    counts.append(
                        await enqueue_for_tenants(session, [tenant.id], "tenancy.forget_answers")
                    )
        await platform.close()
        return counts

    assert asyncio.run(enqueue_twice()) == [1, 0]


def test_without_a_collector_nothing_is_carried_and_nobody_listens(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    tracing.configure("crm-saas")
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    tracing.watch(engine)
    assert not event.contains(engine, "before_cursor_execute", tracing._begin_statement)
    with tracing.request_span("GET", {b"traceparent": TRACEPARENT.encode()}) as span:
        assert span is None
        assert tracing.carried() == {}
        assert tracing.ids() == {}


def test_a_collector_is_sent_the_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "till-42")
        tracing.configure("crm-saas")
        try:
            with tracing.request_span("GET", {}):
                pass
            tracing.flush()
        finally:
            tracing.stop()
            server.shutdown()
            thread.join()
    assert received and received[0][0] == "/v1/traces"
    assert b"till-42" in received[0][1]


def test_log_lines_carry_trace_tenant_request_and_job(
    exported: InMemorySpanExporter,
    traced: TestTenant,
    run_jobs: Callable[[], None],
    production_log: StringIO,
) -> None:
    headers = {"traceparent": TRACEPARENT, "X-Request-Id": "till-7-request-1"}
    body = {"phone": new_mobile(), "purpose": "login"}
    answer = traced.client().post("/customers/send-otp", json=body, headers=headers)
    assert answer.status_code == 202
    request_span(exported, "POST /api/v1/customers/send-otp")
    run_jobs()
    lines = [json.loads(line) for line in production_log.getvalue().splitlines()]
    (request,) = [line for line in lines if line["event"] == "request"]
    (sent,) = [line for line in lines if line["logger"] == "crm_saas.otp"]
    assert request["request_id"] == "till-7-request-1"
    assert sent["job"] == "otp.deliver"
    assert isinstance(sent["job_id"], int)
    for line in (request, sent):
        assert line["tenant"] == traced.slug
        assert line["trace_id"] == CALLERS_TRACE
        assert len(line["span_id"]) == 16
