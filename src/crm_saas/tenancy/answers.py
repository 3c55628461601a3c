"""Answers that wait for the commit."""

from collections.abc import Awaitable, Callable
from typing import cast

from litestar.types import HTTPResponseBodyEvent, HTTPResponseStartEvent, Message, Send


class Answer:
    """An answer held back until its transaction is over; a stream passes once that is done."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: HTTPResponseStartEvent | None = None
        self._chunks: list[bytes] = []
        self.streaming = False
        self.commit: Callable[[], Awaitable[None]]

    @property
    def status(self) -> int:
        return self._start["status"] if self._start else 500

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return list(self._start["headers"]) if self._start else []

    @property
    def body(self) -> bytes:
        return b"".join(self._chunks)

    def fill(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._start = {"type": "http.response.start", "status": status, "headers": headers}
        self._chunks = [body]

    async def receive(self, message: Message) -> None:
        """The `send` that the handler is given."""
        if message["type"] == "http.response.start":
            self._start, self._chunks = message, []
        elif message["type"] == "http.response.body":
            if self.streaming:
                await self._send(message)
            elif message.get("more_body"):
                await self._open_stream(message)
            else:
                self._chunks.append(message["body"])

    async def _open_stream(self, message: HTTPResponseBodyEvent) -> None:
        """A stream owns its session: the request's transaction ends before the first chunk."""
        if self.status < 400:
            await self.commit()
        self.streaming = True
        await self._send(cast(Message, self._start))
        await self._send(message)

    async def release(self) -> None:
        if self.streaming:
            return
        body = self.body
        headers = [h for h in self.headers if h[0].lower() != b"content-length"]
        if self.status not in {204, 304}:
            headers.append((b"content-length", str(len(body)).encode()))
        await self._send({"type": "http.response.start", "status": self.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})
