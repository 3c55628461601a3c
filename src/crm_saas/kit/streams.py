"""Streams of bytes on their way to a reader."""

from collections.abc import AsyncIterator


async def begun(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same, its first chunk fetched, so that what fails fails before an answer begins."""
    first = await anext(stream, b"")
    return _after(first, stream)


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
