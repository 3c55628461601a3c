"""Traces (OpenTelemetry): from a request to its SQL and to the jobs that it leaves behind.

Off unless OpenTelemetry's own variables name a collector; then nothing of it is even imported. A
span holds names, numbers and SQL without its parameters: no exception's text, no header, no path,
for they may hold personal data.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

# Reserved among the arguments of jobs (W3C Trace Context).
CARRIED = "traceparent"
STATEMENT_LENGTH_MAX = 4000
_FLUSH_MILLISECONDS_MAX = 3000

_W3C = TraceContextTextMapPropagator()
_provider: "TracerProvider | None" = None
_tracer: Tracer | None = None


def configure(service: str) -> None:
    """Turns tracing on where OTEL_EXPORTER_OTLP_ENDPOINT, or the one for traces, is set."""
    named = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get(
        "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if not named or disabled or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return
    # Here, so that a process without traces does not load them.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME") or service,
            "service.version": version("crm-saas"),
        }
    )
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    use(provider)


def use(provider: "TracerProvider | None") -> None:
    """None turns tracing off. Engines that exist already go on as they were made."""
    global _provider, _tracer
    _provider = provider
    _tracer = provider.get_tracer("crm_saas") if provider else None


def is_on() -> bool:
    return _tracer is not None


def flush() -> None:
    """Sends what has ended; the process is about to."""
    if _provider is not None:
        _provider.force_flush(_FLUSH_MILLISECONDS_MAX)


def stop() -> None:
    """Sends what has ended, and ends tracing."""
    if _provider is not None:
        _provider.shutdown()
    use(None)


@contextmanager
def request_span(method: str, headers: Mapping[bytes, bytes]) -> Iterator[Span | None]:
    """The span of a request, in the caller's trace where it sends a `traceparent`.

    The caller's `tracestate` and baggage stay outside: they may hold anything.
    """
    if _tracer is None:
        yield None
        return
    parent = headers.get(CARRIED.encode(), b"").decode("latin-1")
    with _span(method, SpanKind.SERVER, _context_of(parent), {}) as span:
        yield span


@contextmanager
def job_span(name: str, attributes: Mapping[str, Any], carried: object) -> Iterator[None]:
    """The span of a job's run, in the trace of what enqueued it."""
    if _tracer is None:
        yield
        return
    with _span(f"job {name}", SpanKind.CONSUMER, _context_of(carried), attributes) as span:
        try:
            yield
        except BaseException as error:
            note_failure(span, type(error).__name__)
            raise


def carried() -> dict[str, str]:
    """What a job's arguments take along of the current trace; empty without one."""
    carrier: dict[str, str] = {}
    if _tracer is not None:
        _W3C.inject(carrier)
    return {CARRIED: carrier[CARRIED]} if CARRIED in carrier else {}


def ids() -> dict[str, str]:
    """The current trace and span, for the log."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        return {}
    return {
        "trace_id": trace.format_trace_id(current.trace_id),
        "span_id": trace.format_span_id(current.span_id),
    }


def note_failure(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def watch(engine: Engine) -> None:
    """A span for each statement of this engine, if tracing is on by now."""
    if _tracer is not None:
        event.listen(engine, "before_cursor_execute", _begin_statement)
        event.listen(engine, "after_cursor_execute", _end_statement)
        event.listen(engine, "handle_error", _fail_statement)


@contextmanager
def statement_span(statement: str) -> Iterator[None]:
    """For a statement that goes to the driver itself. Never current: its block may yield."""
    if _tracer is None:
        yield
        return
    span = _start_statement(_tracer, statement)
    try:
        yield
    except BaseException as error:
        note_failure(span, type(error).__name__)
        raise
    finally:
        span.end()


def _context_of(traceparent: object) -> Context:
    carrier = {CARRIED: traceparent} if isinstance(traceparent, str) else {}
    return _W3C.extract(carrier, Context())


@contextmanager
def _span(
    name: str, kind: SpanKind, parent: Context, attributes: Mapping[str, Any]
) -> Iterator[Span]:
    """Without the exceptions that pass through it: their texts quote what was sent."""
    assert _tracer is not None
    with _tracer.start_as_current_span(
        name,
        context=parent,
        kind=kind,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield span


def _start_statement(tracer: Tracer, statement: str) -> Span:
    verb = statement.split(maxsplit=1)[0].lower() if statement.strip() else "sql"
    return tracer.start_span(
        verb,
        kind=SpanKind.CLIENT,
        attributes={
            "db.system.name": "postgresql",
            "db.operation.name": verb,
            "db.query.text": statement[:STATEMENT_LENGTH_MAX],
        },
    )


def _begin_statement(
    _connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool
) -> None:
    if _tracer is not None and context is not None:
        context.crm_span = _start_statement(_tracer, statement)


def _end_statement(
    _connection: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool
) -> None:
    span: Span | None = getattr(context, "crm_span", None)
    if span is not None:
        span.end()


def _fail_statement(failure: Any) -> None:
    span: Span | None = getattr(failure.execution_context, "crm_span", None)
    if span is not None:
        cause = failure.original_exception
        note_failure(span, getattr(cause, "sqlstate", None) or type(cause).__name__)
        span.end()
