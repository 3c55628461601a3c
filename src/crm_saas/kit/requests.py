"""The outermost layer: gives each request an id and the caller's address, and logs how it ended."""

import ipaddress
import re
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, cast

import uuid_utils
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from crm_saas.kit.settings import Settings
from crm_saas.kit.telemetry.logs import log_request

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_QUIET = frozenset({"/health/live", "/health/ready"})

_Header = tuple[bytes, bytes]
_SECURITY_HEADERS: tuple[_Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
)
_NO_HEADERS: dict[str, str] = {}
ADDRESSES_KEPT = 10_000


class RequestLog:
    """Plain ASGI around the application, so that it sees unknown paths too."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._proxies = [
            ipaddress.ip_network(text)
            for text in settings.trusted_proxies.replace(",", " ").split()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = _request_id(headers)
        state["address"] = self._address(scope, headers)
        bind_contextvars(request_id=state["request_id"])
        started_at = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _completed(message["headers"], state)
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            if scope["path"] not in _QUIET:
                _log(scope, state, status, time.perf_counter() - started_at)

    def _address(self, scope: Scope, headers: dict[bytes, bytes]) -> str | None:
        """The peer, or what a trusted proxy says of it: the last address that is not a proxy."""
        client = scope.get("client")
        if client is None:
            return None
        address = _plain(client[0])
        forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
        while self._is_proxy(address) and forwarded and _parsed(forwarded[-1]):
            address = _plain(forwarded.pop().strip())
        return address

    def _is_proxy(self, address: str) -> bool:
        if not self._proxies:
            return False
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._proxies)


def _completed(headers: Iterable[_Header], state: dict[str, Any]) -> list[_Header]:
    """With those that every answer has, where it does not say otherwise."""
    completed = list(headers)
    present = {name for name, _ in completed}
    completed += [header for header in _SECURITY_HEADERS if header[0] not in present]
    completed.append((b"x-request-id", state["request_id"].encode("latin-1")))
    # How the caller's budgets stand, on refusals too (tenancy/limits.py).
    for name, value in state.get("budget_headers", _NO_HEADERS).items():
        completed.append((name.encode("latin-1"), value.encode("latin-1")))
    return completed


def _log(scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
    handler = scope.get("route_handler")
    fields = {
        "request_id": state["request_id"],
        "tenant": state.get("log_tenant"),
        "method": cast(HTTPScope, scope)["method"],
        # The route and not the path: a path or a query may hold personal data.
        "route": min(handler.paths) if handler else None,
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
    }
    if "reason" in state:  # why the database did not answer
        fields["reason"] = state["reason"]
    log_request(fields)


@lru_cache(maxsize=ADDRESSES_KEPT)
def _plain(address: str) -> str:
    """IPv4 as itself: a socket for both families shows it as ::ffff:192.0.2.1."""
    mapped = getattr(_parsed(address), "ipv4_mapped", None)
    return str(mapped) if mapped else address


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """None for what is no address: a proxy may forward `unknown`, or what a client made up."""
    try:
        return ipaddress.ip_address(address.strip())
    except ValueError:
        return None


def _request_id(headers: dict[bytes, bytes]) -> str:
    """The caller's own id where it sends a usable one, so that its logs and ours meet."""
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid_utils.uuid7())
