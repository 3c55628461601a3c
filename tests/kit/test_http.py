"""Heads that are too large or too slow, as bytes on a socket."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from crm_saas.kit import http
from crm_saas.kit.http import HEAD_BYTES_MAX, HEADERS_MAX
from factories.servers import Server

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


def test_no_other_protocol_is_spoken(server: Server) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    assert ask(server, LINE, upgrade, key).startswith(b"HTTP/1.1 200 ")
