"""Answers that wait for the commit."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from litestar.types import (
    HTTPDisconnectEvent,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
    Message,
    Receive,
    Send,
)

from crm_saas.kit.ending import Late, fill_in
from crm_saas.kit.errors import TooLarge

HELD_BYTES_MAX = 8 * 1024 * 1024


class Answer:
    """An answer held back until its transaction is over; a stream passes once that is done.

    `may_stream` is false where the whole answer has to be kept for an Idempotency-Key: a stream is
    gathered then, within the transaction, so that sending the request again gets the same bytes.
    """

    def __init__(self, send: Send, *, may_stream: bool) -> None:
        self._send = send
        self._may_stream = may_stream
        self._start: HTTPResponseStartEvent | None = None
        self._chunks: list[bytes] = []
        self._size_bytes = 0
        self._gathered = asyncio.Event()
        self.streaming = False
        self.commit: Callable[[], Awaitable[Late]]

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

    def fill_in(self, late: Late) -> None:
        """What the last call of the request decided (kit/ending.py)."""
        if late:
            self._chunks = [fill_in(self.body, late)]

    async def receive(self, message: Message) -> None:
        """The `send` that the handler is given."""
        if message["type"] == "http.response.start":
            self._start, self._chunks, self._size_bytes = message, [], 0
        elif message["type"] == "http.response.body":
            if self.streaming:
                await self._send(message)
            elif message.get("more_body") and self._may_stream:
                await self._open_stream(message)
            else:
                self._hold(message["body"])
                if not message.get("more_body"):
                    self._gathered.set()

    def _hold(self, chunk: bytes) -> None:
        """Beyond what could be kept, a stream is only counted."""
        self._size_bytes += len(chunk)
        if self._may_stream or self._size_bytes <= HELD_BYTES_MAX:
            self._chunks.append(chunk)

    def after_body(self, receive: Receive) -> Receive:
        """What the handler hears after the request's body: Litestar's streams wait for it to end.

        Of a stream that is gathered, that is its own end: the client gives up without an effect.
        """
        return receive if self._may_stream else self._await_gathered

    async def _await_gathered(self) -> HTTPDisconnectEvent:
        await self._gathered.wait()
        return {"type": "http.disconnect"}

    def refuse_too_large(self) -> None:
        """Raises TooLarge for a stream of which a part is missing here."""
        if not self._may_stream and self._size_bytes > HELD_BYTES_MAX:
            raise TooLarge(
                f"The answer would have more than {HELD_BYTES_MAX >> 20} MiB, too much to be kept "
                "for an Idempotency-Key. Ask for less, or send the request without one."
            )

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
