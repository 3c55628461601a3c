"""The load: connections that each send the next request as soon as the last is answered.

A process of its own, `python -m benchmarks.load`, that reads a Plan and writes an Outcome. Requests
are ready-made bytes and answers are hardly looked at, so that little of the machine goes into this:
some 15 microseconds a request, which the report names.
"""

import select
import socket
import subprocess
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

ANSWER_SECONDS_MAX = 60
_RECEIVED_BYTES = 256 * 1024
_LENGTH = b"content-length: "


class Request(msgspec.Struct, array_like=True, frozen=True):
    """`kind` is what its time is filed under."""

    kind: str
    content: bytes


class Plan(msgspec.Struct):
    port: int
    connections: int
    seconds: float
    warm_up_seconds: float
    """Answers to what was sent in it are not counted."""
    requests: list[Request]
    """In turn, from the beginning again where `again`; else the run may end early."""
    again: bool


class Outcome(msgspec.Struct):
    seconds: float
    cpu_seconds: float
    sent: int
    """All of them, also those of the warm-up."""
    micros: dict[str, list[int]]
    """How long each counted answer took, by kind."""
    errors: dict[str, int]
    """Answers other than 2xx, by status, and connections that broke."""
    example: str
    """Of an error."""


def run(plan: Plan) -> Outcome:
    """In a process of its own."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=msgspec.msgpack.encode(plan),
        stdout=subprocess.PIPE,
        check=True,
        cwd=Path(__file__).resolve().parents[1],
        timeout=plan.seconds + plan.warm_up_seconds + 2 * ANSWER_SECONDS_MAX,
    )
    return msgspec.msgpack.decode(process.stdout, type=Outcome)


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.kind = ""
        self.sent_at = 0.0

    def send(self, request: Request) -> None:
        self.kind = request.kind
        self.buffer = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request.content)

    def receive(self) -> bytes | None:
        """The whole answer, or None when more of it is to come; empty when the server hung up."""
        received = self.socket.recv(_RECEIVED_BYTES)
        if not received:
            return b""
        self.buffer = self.buffer + received if self.buffer else received
        head_end = self.buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return None
        at = self.buffer.find(_LENGTH, 0, head_end)
        if at < 0:
            return self.buffer  # and so without a body, as 204 is
        length = int(self.buffer[at + len(_LENGTH) : self.buffer.index(b"\r", at)])
        return self.buffer if len(self.buffer) >= head_end + 4 + length else None


class _Load:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.requests = self._in_turn()
        self.times: dict[str, array[int]] = {}
        self.errors: Counter[str] = Counter()
        self.example = ""
        self.sent = 0
        self.poller = select.poll()
        self.busy: dict[int, _Connection] = {}

    def _in_turn(self) -> Iterator[Request]:
        yield from self.plan.requests
        while self.plan.again:
            yield from self.plan.requests

    def run(self) -> Outcome:
        cpu_before = time.process_time()
        for request in islice(self.requests, self.plan.connections):
            self._begin(request)
        counted_from = time.perf_counter() + self.plan.warm_up_seconds
        until = counted_from + self.plan.seconds
        ended = counted_from
        while self.busy:
            ready = self.poller.poll(ANSWER_SECONDS_MAX * 1000)
            if not ready:
                self.errors["no answer"] += len(self.busy)
                break
            for number, _ in ready:
                connection = self.busy[number]
                answer = connection.receive()
                if answer is None:
                    continue
                now = time.perf_counter()
                if answer[9:10] != b"2":
                    self._note_error(answer)
                elif connection.sent_at >= counted_from:
                    ended = now
                    micros = int((now - connection.sent_at) * 1e6)
                    self.times.setdefault(connection.kind, array("L")).append(micros)
                self._go_on(connection, alive=bool(answer), more=now < until)
        return Outcome(
            seconds=ended - counted_from,
            cpu_seconds=time.process_time() - cpu_before,
            sent=self.sent,
            micros={kind: times.tolist() for kind, times in self.times.items()},
            errors=dict(self.errors),
            example=self.example,
        )

    def _note_error(self, answer: bytes) -> None:
        self.errors[answer[9:12].decode() or "hung up"] += 1
        self.example = self.example or answer.decode(errors="replace")[-500:]

    def _go_on(self, connection: _Connection, *, alive: bool, more: bool) -> None:
        request = next(self.requests, None) if more else None
        if request is not None and alive:
            self.sent += 1
            connection.send(request)
            return
        number = connection.socket.fileno()
        self.poller.unregister(number)
        del self.busy[number]
        connection.socket.close()
        if request is not None:
            self._begin(request)

    def _begin(self, request: Request) -> None:
        connection = _Connection(self.plan.port)
        self.poller.register(connection.socket, select.POLLIN)
        self.busy[connection.socket.fileno()] = connection
        self.sent += 1
        connection.send(request)


def get(path: str, key: str, kind: str = "") -> Request:
    return Request(kind, _head("GET", path, key) + b"\r\n")


def post(path: str, key: str, body: object, *, idempotency_key: str = "") -> Request:
    content = msgspec.json.encode(body)
    extra = f"Idempotency-Key: {idempotency_key}\r\n" if idempotency_key else ""
    head = f"{extra}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return Request("", _head("POST", path, key) + head.encode() + content)


def _head(method: str, path: str, key: str) -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    ).encode()


def merged(outcomes: Iterable[Outcome]) -> list[int]:
    """All times, of whatever kind."""
    return [micros for outcome in outcomes for times in outcome.micros.values() for micros in times]


if __name__ == "__main__":
    import gc

    gc.disable()
    plan = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.msgpack.encode(_Load(plan).run()))
