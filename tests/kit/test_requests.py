"""Who asks, by the socket and by what trusted proxies say; sockets of both families."""

import asyncio
import socket
from typing import Any

import pytest

from crm_saas.kit.requests import RequestLog
from crm_saas.kit.settings import Settings
from crm_saas.running import _refuse_taken_port


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("::ffff:192.0.2.1", "", "192.0.2.1"),
        ("10.1.2.3", "203.0.113.9", "203.0.113.9"),
        ("::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"),
        ("::ffff:10.1.2.3", "203.0.113.9, ::ffff:10.9.9.9", "203.0.113.9"),
        ("2001:db8::1", "203.0.113.9", "2001:db8::1"),
        ("::ffff:192.0.2.1", "203.0.113.9", "192.0.2.1"),
    ],
)
def test_an_address_is_one_in_both_families(peer: str, forwarded: str, address: str) -> None:
    seen: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["state"]["address"])

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/health/live",
        "headers": [(b"x-forwarded-for", forwarded.encode())] if forwarded else [],
        "client": (peer, 4711),
    }
    served: Any = RequestLog(application, Settings(trusted_proxies="10.0.0.0/8"))
    asyncio.run(served(scope, None, None))
    assert seen == [address]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::"])
def test_a_port_is_tried_in_the_hosts_family(host: str, unused_port: int) -> None:
    _refuse_taken_port(host, unused_port)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
