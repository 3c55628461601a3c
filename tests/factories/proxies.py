"""A TCP proxy that delays, swallows, cuts and half-closes, in a thread of the test's process."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from typing import Literal

Direction = Literal["request", "answer"]
CHUNK_BYTES = 65536
START_SECONDS_MAX = 10


class Fate(Enum):
    """What becomes of a chunk, and of the connection that it came on."""

    PASS = auto()
    SWALLOW = auto()
    """Lost; both sides stay connected, and wait."""
    CUT = auto()
    """Lost, with the connection."""
    PASS_AND_CUT = auto()
    """It arrives, and the connection ends before anything comes back."""
    HALF_CLOSE = auto()
    """Lost, and the receiver is told that its peer has nothing more to say."""


Judge = Callable[[Direction, bytes], Fate]


class Proxy:
    """Passes everything on until its `judge` says otherwise."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.delay_seconds = 0.0
        self.judge: Judge = lambda _direction, _chunk: Fate.PASS
        self._target_port = target_port
        self._pairs: set[_Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._listening.wait(START_SECONDS_MAX), "the proxy did not start"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(START_SECONDS_MAX)

    def cut_all(self) -> None:
        """Every connection ends at once, in the middle of whatever it carries."""
        self._loop.call_soon_threadsafe(lambda: [pair.cut() for pair in list(self._pairs)])

    def silence_all(self) -> None:
        """From now on nothing passes on the connections that there are; new ones are as ever."""
        for pair in list(self._pairs):
            pair.silent = True

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stopping.wait()
        server.close()
        for pair in list(self._pairs):
            pair.cut()
        while self._pairs:  # noqa: ASYNC110 - each ends as soon as it sees its cut
            await asyncio.sleep(0.01)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            _reset(writer)
            return
        pair = _Pair(writer, upstream[1])
        self._pairs.add(pair)
        try:
            await asyncio.gather(
                self._pump("request", reader, upstream[1], pair),
                self._pump("answer", upstream[0], writer, pair),
            )
        finally:
            self._pairs.discard(pair)
            pair.cut()

    async def _pump(
        self,
        direction: Direction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pair: "_Pair",
    ) -> None:
        with suppress(ConnectionError, OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                fate = Fate.SWALLOW if pair.silent else self.judge(direction, chunk)
                if fate in {Fate.PASS, Fate.PASS_AND_CUT}:
                    writer.write(chunk)
                    await writer.drain()
                if fate in {Fate.CUT, Fate.PASS_AND_CUT}:
                    pair.cut()
                    return
                if fate is Fate.HALF_CLOSE:
                    break
            writer.write_eof()
            return
        pair.cut()


class _Pair:
    """The two ends of one connection."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers
        self.silent = False

    def cut(self) -> None:
        for writer in self._writers:
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """A reset and not an end: what was sent and not yet read is lost too."""
    line = writer.get_extra_info("socket")
    if line is not None:
        with suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    proxy = Proxy(port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
