"""HTTP as the clients of the model speak it, those that leave in the middle among them."""

import http.client
import json
import select
import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from factories.servers import Server

TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return " ".join([self.path, *self.headers.values(), self.body.decode()])

    @property
    def head(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def request(
    method: str,
    path: str,
    *,
    token: str | None,
    request_id: str,
    query: dict[str, Any] | None = None,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> Request:
    sent = {"X-Request-Id": request_id} | (headers or {})
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    content = b"" if body is None else json.dumps(body).encode()
    if body is not None:
        sent["Content-Type"] = "application/json"
    question = f"?{urlencode(query)}" if query else ""
    return Request(method, f"/api/v1{path}{question}", sent, content)


class Wire:
    """One client's connection to one server, kept alive while it lives."""

    def __init__(self, server: Server) -> None:
        parts = urlsplit(server.url)
        self._address = (parts.hostname or "", parts.port or 0)
        self._connection: http.client.HTTPConnection | None = None

    def send(self, request: Request) -> Answer:
        idle = self._connection and self._connection.sock
        if idle and answered_within(idle, 0):
            # Something to read where nothing was asked: the server has closed it.
            self.close()
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_SECONDS)
        try:
            self._connection.request(
                request.method, request.path, request.body or None, request.headers
            )
            return _read(self._connection.getresponse())
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def open(self) -> socket.socket:
        """A connection of its own, for a client that is going to leave."""
        return socket.create_connection(self._address, timeout=TIMEOUT_SECONDS)


def answered_within(connection: socket.socket, seconds: float) -> bool:
    """Whether the answer began in that time."""
    return bool(select.select([connection], [], [], seconds)[0])


def read_answer(connection: socket.socket) -> Answer | None:
    """The answer, or None where the server let go of the connection before or within it."""
    response = http.client.HTTPResponse(connection)
    try:
        response.begin()
        return _read(response)
    except (http.client.HTTPException, ConnectionError):
        return None


def _read(response: http.client.HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read().decode())
