"""Structured logs: JSON lines in production, readable ones in development. No personal data."""

import logging
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from crm_saas.kit.telemetry import tracing
from crm_saas.kit.telemetry.failures import log_text

POOL_SECONDS = 30
_FIELDS = "request_fields"
_requests = logging.getLogger("crm_saas.requests")


def configure_logs(*, production: bool) -> None:
    """Routes structlog and the standard library's loggers through one renderer."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_trace,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _without_color_message,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if production
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    line = json_line if production else None if sys.stderr.isatty() else plain_line
    formatter = LineFormatter(
        line,
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(log_text),
            renderer,
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    handler.addFilter(without_values)
    handler.addFilter(PoolWarnings())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for noisy in ("uvicorn.access", "httpx", "procrastinate", "alembic", "twilio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def log_request(fields: Mapping[str, object]) -> None:
    """The line of a request, of which there are more than of all others together: what structlog
    does for one costs half as much as reading a customer."""
    if _requests.isEnabledFor(logging.INFO):
        _requests.handle(_RequestRecord({**fields, **tracing.ids()} if tracing.is_on() else fields))


class _RequestRecord(logging.LogRecord):
    """Without what logging finds out of its caller, its thread and its process for each."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self.__dict__.update(_BLANK)
        self.created = time.time()
        self.msecs = self.created % 1 * 1000
        self.request_fields = fields


_BLANK = dict(logging.LogRecord(_requests.name, logging.INFO, "", 0, "request", (), None).__dict__)


class LineFormatter(structlog.stdlib.ProcessorFormatter):
    """Structlog's, but for the lines of requests where `line` writes them."""

    def __init__(self, line: Callable[[logging.LogRecord], str] | None, **options: Any) -> None:
        super().__init__(**options)
        self._line = line

    def format(self, record: logging.LogRecord) -> str:
        if self._line is not None and hasattr(record, _FIELDS):
            return self._line(record)
        return super().format(record)


def json_line(record: logging.LogRecord) -> str:
    fields = getattr(record, _FIELDS) | {
        "event": record.msg,
        "level": "info",
        "logger": record.name,
        "timestamp": _timestamp(record),
    }
    return msgspec.json.encode(fields, enc_hook=str).decode()


def plain_line(record: logging.LogRecord) -> str:
    fields = sorted(getattr(record, _FIELDS).items())
    shown = " ".join(f"{name}={_shown(value)}" for name, value in fields)
    return f"{_timestamp(record)} [info     ] {record.msg:30} [{record.name}] {shown}"


def _shown(value: object) -> str:
    text = str(value)
    return repr(value) if isinstance(value, str) and (" " in text or not text) else text


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")


def without_values(record: logging.LogRecord) -> bool:
    """Whatever level somebody gives a library: what SQLAlchemy tells below a warning quotes rows,
    and others' debug lines quote requests."""
    ours = record.name.startswith("crm_saas")
    least = logging.WARNING if record.name.startswith("sqlalchemy") else logging.INFO
    return ours or record.levelno >= least


class PoolWarnings(logging.Filter):
    """Lets one warning a pool library pass in `POOL_SECONDS`, without its traceback.

    While the database is away, each connection of each pool complains at each attempt.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        library = next((n for n in ("psycopg.pool", "sqlalchemy.pool") if n in record.name), None)
        if library is None:
            return True
        if time.monotonic() < self._next_at.get(library, 0):
            return False
        self._next_at[library] = time.monotonic() + POOL_SECONDS
        record.exc_info = record.exc_text = None
        return True


def _with_trace(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return {**event, **tracing.ids()}


def _without_color_message(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Uvicorn sends each of its messages a second time, with colours."""
    event.pop("color_message", None)
    return event
