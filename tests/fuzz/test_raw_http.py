"""Bytes that are no HTTP, or two things at once: 4xx or a closed connection, and the server lives.

A request that a proxy and we would read differently is the danger: what the one takes for a body
the other takes for the next request (RFC 9112, 11.2).
"""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from assurance import Reached
from factories.customers import create_guest
from factories.servers import Server
from factories.tenants import TestTenant

SECONDS_MAX = 30
BYTES_MAX = 4 << 20
GET = b"GET /health/live HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /api/v1/customers HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
# What must never be answered: it stands where a body does.
SMUGGLED = b"GET /health/ready?smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def talk(server: Server, sent: bytes, *, finish: bool = True) -> bytes:
    """What comes back until the server closes, or has nothing more to say."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=SECONDS_MAX) as connection:
        try:
            connection.sendall(sent)
            if finish:
                with suppress(OSError):  # not connected any more
                    connection.shutdown(socket.SHUT_WR)
            while len(answer) < BYTES_MAX and (chunk := connection.recv(65536)):
                answer += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass  # closed in our face
    return answer


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


@pytest.fixture(autouse=True)
def alive(server: Server) -> Iterator[None]:
    yield
    assert httpx.get(f"{server.url}/health/live", timeout=SECONDS_MAX).status_code == 200


def _both_lengths() -> Iterator[bytes]:
    """Content-Length and Transfer-Encoding together, or one of them twice or crooked."""
    chunks = b"0\r\n\r\n" + SMUGGLED
    length = b"Content-Length: %d\r\n" % len(chunks)
    for coding in (
        b"Transfer-Encoding: chunked", b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\tchunked",
        b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: identity, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        b"Transfer-Encoding: \x0bchunked", b"X: y\r\n Transfer-Encoding: chunked",
        b"Transfer-Encoding: 'chunked'", b"transfer_encoding: chunked",
        b"Transfer-Encoding\x00: chunked",
        b"X: y\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\x00",
    ):  # fmt: skip
        yield POST + length + coding + b"\r\n\r\n" + chunks
        yield POST + coding + b"\r\n" + length + b"\r\n" + chunks
    for lengths in (
        b"Content-Length: 0\r\nContent-Length: 60", b"Content-Length: 60\r\nContent-Length: 0",
        b"Content-Length: 0, 60", b"Content-Length: +5", b"Content-Length: -1",
        b"Content-Length: 0x10",
        b"Content-Length: 1e1", b"Content-Length: 5 5", b"Content-Length: 99999999999999999999999",
        b"Content-Length: \xd9\xa5", b"Content-Length:", b"Content-Length: 5\x0b",
        b"Content-Length : 5",
        b"Content-Length: 1_0",
    ):  # fmt: skip
        yield POST + lengths + b"\r\n\r\n" + SMUGGLED


def _bad_chunks() -> Iterator[bytes]:
    for chunk in (
        b"x\r\n", b"-1\r\n", b"0x2\r\n{}\r\n0\r\n\r\n", b"+2\r\n{}\r\n0\r\n\r\n",
        b"2 \r\n{}0\r\n\r\n",
        b"2\n{}\n0\n\n", b"2\r\n{}{}\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n{}",
        b"2;" + b"a" * 70_000,
        b"2\r\n{}", b"\r\n", b"2\r\r\n{}\r\n0\r\n\r\n", b"1_0\r\n" + b"x" * 16, b"02\rX\r\n{}",
        b"0\r\nContent-Length: 5\r\nAuthorization: Bearer x\r\n\r\n",
        b"0\r\n" + b"T: x\r\n" * 20_000,
    ):  # fmt: skip
        yield POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk


def _bad_heads() -> Iterator[bytes]:
    yield GET + b"X: a\r\n folded\r\n\r\n"
    yield GET + b" X: a\r\n\r\n"
    yield GET + b"X : a\r\n\r\n"
    yield GET + b"X\r\n\r\n"
    yield GET + b": a\r\n\r\n"
    yield GET + b"X: a\x00b\r\n\r\n"
    yield GET + b"X: a\rb\r\n\r\n"
    yield GET + b"X\xff: a\r\n\r\n"
    yield GET + b"Host: b\r\n\r\n"
    yield GET.replace(b"Host: a\r\n", b"") + b"\r\n"
    yield GET + b"X: " + b"a" * 200_000 + b"\r\n\r\n"
    yield GET + b"X: a\r\n" * 50_000 + b"\r\n"
    yield b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    for line in (
        b"GET", b"GET /", b"GET  / HTTP/1.1", b"GET / HTTP/9.9", b"GET / HTTP/1.1 x",
        b"G\x00T / HTTP/1.1",
        b"GET /\x00 HTTP/1.1", b"GET /\xff HTTP/1.1", b"GET / HTTP/2.0", b"GET / http/1.1",
        b" GET / HTTP/1.1",
        b"GET /a b HTTP/1.1", b"GET\t/\tHTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM",
        b"\r\n" * 1000, b"\x00" * 1000, b"GET /?%ZZ HTTP/1.1", b"GET /%u0041 HTTP/1.1",
        b"GET /%c0%ae HTTP/1.1",
    ):  # fmt: skip
        yield line + b"\r\nHost: a\r\n\r\n"


HEALTHY = {
    # Harmless forms of a head that this server takes as RFC 9112 allows: it answers, once.
    200,
}


@pytest.mark.parametrize("made", [_both_lengths, _bad_chunks])
def test_a_body_is_not_another_request(server: Server, made: object, reached: Reached) -> None:
    tried = 0
    for request in made():  # type: ignore[operator]
        answer = talk(server, request)
        found = statuses(answer)
        assert all(400 <= status < 500 for status in found), (request[:300], answer[:300])
        assert b"smuggled" not in answer, request[:300]
        assert len(found) <= 1, (request[:300], answer[:600])
        tried += 1
    reached("malformed requests over a raw socket", tried)


def test_a_bad_head_is_refused_or_harmless(server: Server, reached: Reached) -> None:
    tried = 0
    for request in _bad_heads():
        found = statuses(talk(server, request))
        assert len(found) <= 1, request[:300]
        assert all(400 <= status < 500 or status in HEALTHY for status in found), request[:300]
        tried += 1
    reached("malformed requests over a raw socket", tried)


def test_two_requests_in_one_write_are_two(server: Server, tenant: TestTenant) -> None:
    """A credential of the first is not the second's."""
    key = tenant.key("owner").encode()
    first = b"GET /api/v1/auth/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + key + b"\r\n\r\n"
    second = b"GET /api/v1/auth/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert statuses(talk(server, first + second, finish=False)) == [200, 401]


def test_half_a_request_leaves_nothing(server: Server, tenant: TestTenant) -> None:
    client = tenant.client("owner")
    create_guest(client)
    before = client.get("/customers", params={"total": "true"}).json()["total"]
    key = b"Authorization: Bearer " + tenant.key("owner").encode() + b"\r\n"
    body = b'{"type": "guest"}'
    for sent in (
        POST + key + b"Content-Length: 100\r\n\r\n" + body,
        POST + key + b"Transfer-Encoding: chunked\r\n\r\n11\r\n" + body,
        POST + key + b"Transfer-Encoding: chunked\r\n\r\n11\r\n" + body + b"\r\n",
        POST + key[:-10],
    ):
        assert all(status >= 400 for status in statuses(talk(server, sent)))
    assert client.get("/customers", params={"total": "true"}).json()["total"] == before


def test_an_upgrade_leads_nowhere(server: Server) -> None:
    for upgrade in (b"websocket", b"h2c", b"TLS/1.0", b"x"):
        head = GET.replace(b"/health/live", b"/api/v1/customers")
        head += b"Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: " + upgrade
        head += b"\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nSec-WebSocket-Version: 13\r\n"
        head += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        found = statuses(talk(server, head))
        assert found and all(400 <= status < 500 for status in found), (upgrade, found)
