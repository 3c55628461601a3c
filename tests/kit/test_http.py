"""Heads that are too large or too slow, as bytes on a socket."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from litestar.types import Receive, Scope, Send

from crm_saas.kit import http
from crm_saas.kit.http import HEAD_BYTES_MAX, HEADERS_MAX
from crm_saas.kit.settings import Settings
from factories.servers import Server, run_server
from factories.waiting import until

BOUND_SECONDS = 20
READ_SECONDS_MAX = 0.4

LINE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextmanager
def connection(server: Server) -> Iterator[socket.socket]:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=10) as opened:
        yield opened


def said(opened: socket.socket) -> bytes:
    """Everything until the server closes, or the end of one answer."""
    answer = b""
    try:
        while chunk := opened.recv(65_536):
            answer += chunk
            if b'"ok"}' in answer:
                break
    except ConnectionResetError:
        pass
    return answer


def ask(server: Server, *parts: bytes) -> bytes:
    with connection(server) as opened:
        try:
            for part in parts:
                opened.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return said(opened)


def is_reset(opened: socket.socket) -> bool:
    try:
        opened.send(b"x")
    except OSError:
        return True
    return False


def test_what_is_within_the_bounds_is_served(server: Server) -> None:
    many = b"".join(b"X-%d: y\r\n" % number for number in range(HEADERS_MAX - 1))
    assert ask(server, LINE, many, b"\r\n").startswith(b"HTTP/1.1 200 ")
    long = b"X-Long: " + b"a" * (HEAD_BYTES_MAX - 1_000) + b"\r\n\r\n"
    assert ask(server, LINE, long).startswith(b"HTTP/1.1 200 ")
    with connection(server) as opened:  # and again on the same connection
        for _ in range(3):
            opened.sendall(LINE + long)
            assert said(opened).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "parts",
    [
        (LINE, b"X-Long: " + b"a" * HEAD_BYTES_MAX + b"\r\n\r\n"),
        (LINE, b"".join(b"X-%d: y\r\n" % number for number in range(HEADERS_MAX)), b"\r\n"),
        (LINE, b"".join(b"X-%d: %s\r\n" % (n, b"y" * 2_000) for n in range(50)), b"\r\n"),
        (b"GET /health/live?" + b"a" * HEAD_BYTES_MAX + b" HTTP/1.1\r\nHost: x\r\n\r\n",),
        (LINE, b"X-Endless: ", *[b"a" * 8_192] * 80),
        (LINE, *[b"a" * 8_192] * 80),
        (CHUNKED, b"2\r\n{}\r\n0\r\n", b"".join(b"X-%d: y\r\n" % n for n in range(HEADERS_MAX))),
        (CHUNKED, b"2\r\n{}\r\n0\r\nX-Endless: ", *[b"a" * 8_192] * 80),
        (CHUNKED, b"2;x=", *[b"a" * 8_192] * 80),
    ],
    ids=["one", "many", "together", "path", "endless", "name", "trailers", "trailer", "extension"],
)
def test_a_head_that_is_too_large_is_refused(server: Server, parts: tuple[bytes, ...]) -> None:
    assert b"HTTP/1.1 431 " in ask(server, *parts)


def test_a_head_that_does_not_come_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "HEAD_SECONDS_MAX", 0.1)
    assert ask(server) == b""
    assert ask(server, LINE) == b""
    with connection(server) as opened:
        opened.sendall(LINE + b"\r\n")
        assert said(opened).startswith(b"HTTP/1.1 200 ")
        opened.sendall(LINE)
        assert said(opened) == b""
    with connection(server) as opened:
        opened.sendall(LINE + b"\r\n")
        assert said(opened).startswith(b"HTTP/1.1 200 ")
        opened.sendall(b"\r\n")  # no head begins with it
        assert said(opened) == b""


class Endless:
    """Streams until its reader has left."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        sending = asyncio.create_task(self._send(send))
        while (await receive())["type"] != "http.disconnect":
            pass
        sending.cancel()
        self.ended.set()

    async def _send(self, send: Send) -> None:
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)


@pytest.fixture
def endless(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Server, Endless]]:
    monkeypatch.setattr(http, "READ_SECONDS_MAX", READ_SECONDS_MAX)
    application = Endless()
    with run_server(settings, application=application) as server:
        yield server, application


def test_an_answer_that_nobody_reads_is_broken_off(endless: tuple[Server, Endless]) -> None:
    server, application = endless
    with connection(server) as opened:
        opened.sendall(LINE + b"\r\n")
        assert application.ended.wait(BOUND_SECONDS)


def test_an_answer_that_is_read_goes_on(endless: tuple[Server, Endless]) -> None:
    """It waits for its reader now and then, and each time anew for as long as it may."""
    server, application = endless
    with connection(server) as opened:
        opened.sendall(LINE + b"\r\n")
        ends_at = time.monotonic() + 3 * READ_SECONDS_MAX
        while time.monotonic() < ends_at:
            assert opened.recv(65_536)
        assert not application.ended.is_set()


def test_what_is_left_of_a_closed_answer_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came to its end, and nobody took it: the connection would keep it for ever."""
    monkeypatch.setattr(http, "READ_SECONDS_MAX", READ_SECONDS_MAX)
    size = 32 * 1024 * 1024

    async def large(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [(b"content-length", b"%d" % size), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"x" * size, "more_body": False})

    with run_server(settings, application=large) as server, connection(server) as opened:
        opened.sendall(LINE + b"\r\n")
        assert opened.recv(1)
        until(lambda: is_reset(opened), BOUND_SECONDS)


def test_no_other_protocol_is_spoken(server: Server) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    assert ask(server, LINE, upgrade, key).startswith(b"HTTP/1.1 200 ")
