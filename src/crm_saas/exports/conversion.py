"""Workbooks and PDFs, made by a process of their own: neither its time nor its memory is the API's.

It is given nothing but rows, and no setting of ours. What it writes lies in a file without a name,
so that nothing is left of it whatever dies.
"""

import asyncio
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import IO, Literal, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

import msgspec

from crm_saas.kit.shares import Shares

READ_BYTES = 256 * 1024
Program = Literal["sheets", "pages"]
# In one process of the API or the worker; others wait for their turn. Pages take much memory.
SHEETS_AT_ONCE, PAGES_AT_ONCE = 2, 1
AT_ONCE: dict[Program, int] = {"sheets": SHEETS_AT_ONCE, "pages": PAGES_AT_ONCE}


class _Turns(NamedTuple):
    """Half of them are the most that one tenant has, and each has one in the queue for them: the
    rest of what it wants waits behind that."""

    all: asyncio.Semaphore
    shares: Shares


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Program, _Turns]] = WeakKeyDictionary()


class ConversionFailed(Exception):
    """The process ended with an error; it has said which."""


async def converted(
    rows: AsyncIterator[bytes], head: msgspec.Struct, program: Program, *, tenant_id: UUID
) -> AsyncGenerator[bytes, None]:
    """`rows` as CSV become a file. Raises ConversionFailed, and what `rows` raises.

    The turn is over once the file is made: how slowly it is read then is its reader's affair.
    """
    with (
        tempfile.TemporaryDirectory(prefix="crm-export-") as folder,
        tempfile.TemporaryFile(dir=folder) as made,
    ):
        async with _turn(program, tenant_id):
            await _make(rows, head, program, folder, made)
        made.seek(0)
        while chunk := await asyncio.to_thread(made.read, READ_BYTES):
            yield chunk


@asynccontextmanager
async def _turn(program: Program, tenant_id: UUID) -> AsyncIterator[None]:
    of_loop = _turns.setdefault(asyncio.get_running_loop(), {})
    at_once = AT_ONCE[program]
    turns = of_loop.setdefault(program, _Turns(asyncio.Semaphore(at_once), Shares(at_once)))
    with turns.shares.of(tenant_id) as share:
        async with share.places, turns.all:
            yield


async def _make(
    rows: AsyncIterator[bytes], head: msgspec.Struct, program: str, folder: str, made: IO[bytes]
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"crm_saas.exports.{program}"),
        stdin=PIPE,
        stdout=made,
        env={"TMPDIR": folder, "PYTHONSAFEPATH": "1"},
        cwd=folder,
    )
    try:
        await _feed(process, msgspec.json.encode(head) + b"\n", rows)
        if await process.wait():
            raise ConversionFailed(f"{program} ended with {process.returncode}")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _feed(process: Process, head: bytes, rows: AsyncIterator[bytes]) -> None:
    pipe = process.stdin
    if pipe is None:
        raise TypeError("the process was started with a pipe")
    try:
        pipe.write(head)
        async for block in rows:
            pipe.write(block)
            await pipe.drain()
        pipe.close()
        await pipe.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        return  # it has ended before it read all; its own end says why
