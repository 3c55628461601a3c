"""A body that is a file: read in pieces into a temporary file, with no transaction open meanwhile.

For routes with `streams_body=(media types)`: the middleware has authenticated and counted the
request, and left its body unread.
"""

import asyncio
import hashlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, BinaryIO, NamedTuple

from litestar import Request

from crm_saas.kit.errors import (
    MalformedRequest,
    Overloaded,
    Problem,
    TooLarge,
    TooSlow,
    Unavailable,
)
from crm_saas.kit.shares import SHARES

# At once in one process; of one tenant, half.
UPLOADS_MAX = 4
SECONDS_MAX = 900
SILENCE_SECONDS_MAX = 30
# The slowest line that anybody waits with: beyond a first minute, so much in each second.
BYTES_PER_SECOND_MIN = 4 * 1024
_GRACE_SECONDS = 60

_running: Counter[Hashable] = Counter()


class Upload(NamedTuple):
    """`digest` stands for the body where an Idempotency-Key compares two."""

    file: BinaryIO
    size_bytes: int
    digest: bytes


@asynccontextmanager
async def receive_upload(
    request: Request[Any, Any, Any], *, tenant: Hashable, bytes_max: int
) -> AsyncIterator[Upload]:
    """Ends the request's transaction, reads the body, and forgets the file at the end.

    Raises TooLarge, TooSlow, MalformedRequest, and Overloaded while the tenant has its share.
    """
    state = request.scope["state"]
    receive = state.pop("upload", None)
    if receive is None:  # the request is run again, and its body is gone
        raise Unavailable("The file was read and could not be saved. Send it again.")
    try:
        _check_length(request.headers.get("content-length"), bytes_max)
        await state["let_go"]()
        with _place_of(tenant), tempfile.TemporaryFile() as file:
            yield await _read(receive, file, bytes_max)
    except Problem as problem:
        # What is left of the body is not waited for.
        problem.headers.setdefault("Connection", "close")
        raise


@contextmanager
def _place_of(tenant: Hashable) -> Iterator[None]:
    """Raises Overloaded."""
    if _running.total() >= UPLOADS_MAX or _running[tenant] >= UPLOADS_MAX // SHARES:
        raise Overloaded
    _running[tenant] += 1
    try:
        yield
    finally:
        _running[tenant] -= 1
        if not _running[tenant]:
            del _running[tenant]


def _check_length(declared: str | None, bytes_max: int) -> None:
    if declared and declared.isascii() and declared.isdigit() and int(declared) > bytes_max:
        raise TooLarge(_too_large(bytes_max))


async def _read(receive: Callable[[], Any], file: BinaryIO, bytes_max: int) -> Upload:
    size, digest, clock = 0, hashlib.sha256(), asyncio.get_running_loop()
    begun = clock.time()
    more = True
    while more:
        try:
            async with asyncio.timeout(SILENCE_SECONDS_MAX):
                message = await receive()
        except TimeoutError as error:
            raise TooSlow(f"Nothing came for {SILENCE_SECONDS_MAX} seconds.") from error
        if message["type"] == "http.disconnect":
            raise MalformedRequest("The connection ended before the file did.")
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size > bytes_max:
            raise TooLarge(_too_large(bytes_max))
        passed = clock.time() - begun
        if passed > SECONDS_MAX or size < (passed - _GRACE_SECONDS) * BYTES_PER_SECOND_MIN:
            raise TooSlow("The file comes too slowly. Send it over a better line, or in parts.")
        digest.update(chunk)
        file.write(chunk)
    file.seek(0)
    return Upload(file, size, digest.digest())


def _too_large(bytes_max: int) -> str:
    return f"A file may have {bytes_max:,} bytes at the most. Cut it into several files."


async def chunks_of(file: BinaryIO, size: int = 1024 * 1024) -> AsyncIterator[bytes]:
    file.seek(0)
    while chunk := await asyncio.to_thread(file.read, size):
        yield chunk
