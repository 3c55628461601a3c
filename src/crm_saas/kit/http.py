"""HTTP on the wire: bounds that uvicorn's fast parser does not have.

By itself it takes heads of any size and any number of headers, and waits for ever: for them, and
for somebody to read what it answers, with all that the answer holds. All servers of the product,
and those of its tests, are made with `SERVER_OPTIONS`.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 64 * 1024
HEADERS_MAX = 100
HEAD_SECONDS_MAX = 30
KEEP_ALIVE_SECONDS = 5
# So much of an answer is read in so many seconds, or all that is left of it.
READ_BYTES_MIN = 64 * 1024
READ_SECONDS_MAX = 60

_TOO_LARGE = (
    f"The request's line and headers may have {HEAD_BYTES_MAX:,} bytes together, and there may be "
    f"{HEADERS_MAX} headers. Send fewer."
)


class HeadTooLarge(Exception):
    """Ends the parsing; the answer is 431."""


class BoundedHttp(HttpToolsProtocol):
    """Refuses a head that is too large or too slow, and closes the connection; breaks it off when
    nobody reads."""

    _too_large = False
    _head_bytes = 0
    _unparsed_bytes = 0
    """Since the parser last had something to tell: it keeps what is no whole header yet. Counted by
    what is read at once, 256 KiB at the most, so that is what the bound may be exceeded by."""
    _timer: asyncio.TimerHandle | None = None
    _reading_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._unparsed_bytes > HEAD_BYTES_MAX:
            self._refuse()
        elif self.cycle is None or self.cycle.response_complete:
            # Whatever comes ends uvicorn's waiting for the next request, also an empty line.
            self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        self._await_head()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Also called for the trailers of a body in chunks."""
        self._count(len(name) + len(value))
        super().on_header(name, value)
        if len(self.headers) > HEADERS_MAX:
            self._too_large = True
            raise HeadTooLarge

    def on_headers_complete(self) -> None:
        self._unparsed_bytes = 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._watch_reading()

    def send_400_response(self, msg: str) -> None:
        if self._too_large:
            self._refuse()
        else:
            super().send_400_response(msg)

    def _count(self, size: int) -> None:
        self._unparsed_bytes = 0
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES_MAX:
            self._too_large = True
            raise HeadTooLarge

    def _refuse(self) -> None:
        body = _TOO_LARGE.encode()
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
            b"content-type: text/plain; charset=utf-8\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body)
        )
        self.transport.close()

    def _await_head(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS_MAX, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        self.transport.close()

    def _watch_reading(self) -> None:
        """Also once the connection is closed: what is left to send keeps it, and its memory."""
        self._stop_watching()
        if left := self.transport.get_write_buffer_size():
            self._reading_timer = self.loop.call_later(READ_SECONDS_MAX, self._judge_reading, left)

    def _stop_watching(self) -> None:
        if self._reading_timer is not None:
            self._reading_timer.cancel()
            self._reading_timer = None

    def _judge_reading(self, left_before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left > max(0, left_before - READ_BYTES_MIN):
            self.transport.abort()
        else:
            self._watch_reading()


SERVER_OPTIONS: dict[str, Any] = {
    "http": BoundedHttp,
    "ws": "none",
    "access_log": False,
    "log_config": None,
    "server_header": False,
    "proxy_headers": False,  # CRM_TRUSTED_PROXIES says who is believed (kit/requests.py)
    "timeout_keep_alive": KEEP_ALIVE_SECONDS,
}
