"""Scores many pairs in a process of its own, so that whoever asks goes on serving meanwhile.

The child reads batches from its standard input and writes what is likely enough to its standard
output; it ends with its parent, when the input does. It touches neither network nor files.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import BinaryIO

import msgspec

from crm_saas.customers.similarity import (
    NameCounts,
    Profile,
    Suggestion,
    read_profile,
    score,
)

# Likelier one person than two.
SCORE_MIN = 0.5
_LENGTH_BYTES = 8
_NICENESS = 10


class Batch(msgspec.Struct):
    """`pairs` are places in `profiles`."""

    profiles: Sequence[Profile]
    pairs: Sequence[tuple[int, int]]


class Likely(msgspec.Struct):
    """`place` is the pair's in its batch."""

    place: int
    suggestion: Suggestion


class Scorer:
    """One batch at a time: send, receive, and only then the next. The child is started for the
    first: most steps of a small tenant's sweep have nothing to score."""

    def __init__(self, counts: NameCounts) -> None:
        self._counts = counts
        self._child: asyncio.subprocess.Process | None = None

    async def send(self, batch: Batch) -> None:
        if self._child is None:
            self._child = await _start()
            await _write(self._child, self._counts)
        await _write(self._child, batch)

    async def receive(self) -> list[Likely]:
        """Those of the batch that reach SCORE_MIN."""
        if self._child is None or self._child.stdout is None:
            raise ConnectionError("the scoring process has no output")
        length = int.from_bytes(await self._child.stdout.readexactly(_LENGTH_BYTES), "big")
        answer = await self._child.stdout.readexactly(length)
        return msgspec.msgpack.decode(answer, type=list[Likely])

    async def close(self) -> None:
        if self._child is not None:
            with suppress(ProcessLookupError):
                self._child.kill()
            await self._child.wait()


@asynccontextmanager
async def scoring(counts: NameCounts) -> AsyncIterator[Scorer]:
    scorer = Scorer(counts)
    try:
        yield scorer
    finally:
        await scorer.close()


async def _start() -> asyncio.subprocess.Process:
    """The child has nothing of the parent's environment but where Python finds its modules."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=PIPE, stdout=PIPE, env=kept
    )


async def _write(child: asyncio.subprocess.Process, message: object) -> None:
    if child.stdin is None:
        raise ConnectionError("the scoring process has no input")
    child.stdin.write(_framed(message))
    await child.stdin.drain()


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """The child's work, until its input ends."""
    counts = msgspec.msgpack.decode(_read(source), type=NameCounts)
    batches = msgspec.msgpack.Decoder(Batch)
    while message := _read(source):
        sink.write(_framed(list(_likely(batches.decode(message), counts))))
        sink.flush()


def _likely(batch: Batch, counts: NameCounts) -> list[Likely]:
    profiles = [read_profile(profile) for profile in batch.profiles]
    scored = (score(profiles[a], profiles[b], counts) for a, b in batch.pairs)
    return [Likely(place, found) for place, found in enumerate(scored) if found.score >= SCORE_MIN]


def _framed(message: object) -> bytes:
    content = msgspec.msgpack.encode(message)
    return len(content).to_bytes(_LENGTH_BYTES, "big") + content


def _read(source: BinaryIO) -> bytes:
    return source.read(int.from_bytes(source.read(_LENGTH_BYTES), "big"))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when it is over
    os.nice(_NICENESS)
    serve(sys.stdin.buffer, sys.stdout.buffer)
