"""The layer around a request that counts, times and traces it."""

import time
from contextlib import suppress
from functools import cache
from typing import Any, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from opentelemetry.trace import Span
from prometheus_client import Counter, Histogram

from crm_saas.kit.draining import Drain
from crm_saas.kit.telemetry import metrics, tracing

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked every few seconds by machines.
_UNTRACED = frozenset({"/health/live", "/health/ready", "/metrics"})


class Telemetry:
    """Plain ASGI around everything else, so that what refuses early is counted too."""

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self._app = app
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        if not tracing.is_on() or scope["path"] in _UNTRACED:
            await self._counted(scope, receive, send)
            return
        method = _method_of(scope)
        with tracing.request_span(method, dict(scope["headers"])) as span:
            status = 500
            try:
                status = await self._counted(scope, receive, send)
            finally:
                if span is not None:
                    _describe(span, scope, method, status)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> int:
        """The status; 500 where the application failed before it answered anything."""
        status = 500
        started_at = time.perf_counter()

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if any(name == b"idempotency-replayed" for name, _ in message["headers"]):
                    metrics.REPLAYS.inc()
                if self._drain.begun:
                    # Whoever keeps the connection would meet its end with the next request.
                    headers = [h for h in message["headers"] if h[0] != b"connection"]
                    message["headers"] = [*headers, (b"connection", b"close")]
            await send(message)

        metrics.REQUESTS_IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, send_noted)
        finally:
            metrics.REQUESTS_IN_FLIGHT.dec()
            route, method = _route_of(scope), _method_of(scope)
            _answered(route, method, status).inc()
            _lasted(route, method).observe(time.perf_counter() - started_at)
        return status


# Bound to their labels once: there are as many as routes, methods and statuses.
@cache
def _answered(route: str, method: str, status: int) -> Counter:
    return metrics.REQUESTS.labels(route, method, str(status))


@cache
def _lasted(route: str, method: str) -> Histogram:
    return metrics.REQUEST_SECONDS.labels(route, method)


def _describe(span: Span, scope: Scope, method: str, status: int) -> None:
    route, state = _route_of(scope), scope.get("state", {})
    span.update_name(f"{method} {route}")
    attributes: dict[str, Any] = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "crm.request_id": state.get("request_id"),
        "crm.tenant": state.get("log_tenant"),
    }
    span.set_attributes({name: value for name, value in attributes.items() if value is not None})
    if status >= 500:
        tracing.note_failure(span, str(status))


def _route_of(scope: Scope) -> str:
    """The template: a path names customers."""
    if scope["path"] == "/metrics":
        return "/metrics"
    with suppress(KeyError):
        return str(scope["path_template"])
    return "unmatched"


def _method_of(scope: Scope) -> str:
    method = cast(HTTPScope, scope)["method"]
    return method if method in _METHODS else "other"
