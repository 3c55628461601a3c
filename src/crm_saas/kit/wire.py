"""Statements that go to PostgreSQL together: one round trip, for little more than the cost of one.

They use libpq's pipeline on the connection that SQLAlchemy's pool has lent. psycopg's own pipeline
does the same for two and a half times the client's CPU, and SQLAlchemy's `execute` for ten times
(docs/decisions/one-round-trip.md). Outside of a transaction what is sent together is one
transaction by itself: PostgreSQL commits it at the end, or undoes it with the first that fails.
"""

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from hashlib import sha256
from typing import Any, NamedTuple, Self, cast
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import Buffer
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from crm_saas.kit.telemetry import tracing

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_PREPARED = "crm_saas.prepared"
WIRE = "crm_saas.wire"
# What was prepared here is not any more: a pooler put another server behind, or psycopg cleaned up.
FORGOTTEN = "26000"
# A migration changed the result's columns since: only another connection prepares it anew.
OUTDATED = "0A000"
# Prepared on this connection, and who asked for it was gone before the answer came.
PREPARED_BEFORE = "42P05"


def _text(value: str) -> bytes:
    if "\x00" in value:  # libpq would take it for the text's end
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return value.encode()


_DUMPS: dict[type, Callable[[Any], bytes | None]] = {
    type(None): lambda _: None,
    str: _text,
    UUID: lambda value: value.hex.encode(),
    int: lambda value: str(value).encode(),
    bytes: lambda value: b"\\x" + value.hex().encode(),
    bool: lambda value: b"t" if value else b"f",
}


class Statement:
    """SQL with `%(name)s` for values, whose types the server infers; prepared where it is sent."""

    def __init__(self, text: str, *, prepares: bool = True) -> None:
        self.text = text
        self.prepares = prepares
        self.names = tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))
        numbers = {name: f"${number}" for number, name in enumerate(self.names, 1)}
        numbered = _PLACEHOLDER.sub(lambda found: numbers[found[1]], text)
        self.sql = numbered.replace("%%", "%").encode()
        self.name = b"crm_" + sha256(self.sql).hexdigest()[:24].encode()

    def with_values(self, **values: Any) -> "Call":
        return Call(self, values)


class Call(NamedTuple):
    statement: Statement
    values: Mapping[str, Any]


BEGIN = Statement("begin").with_values()
COMMIT = Statement("commit").with_values()
# Never prepared: in a transaction that has failed nothing can be.
ROLLBACK = Statement("rollback", prepares=False).with_values()


class Answer:
    """What became of one statement."""

    def __init__(self, wire: "Wire", call: Call, result: PGresult) -> None:
        self._wire = wire
        self._call = call
        self._result = result

    def rows(self) -> list[Any]:
        """Tuples. Raises DBAPIError when the statement failed, or one that was sent before it."""
        if self._result.status == ExecStatus.FATAL_ERROR:
            raise self._wire.failure(self._call, error_from_result(self._result))
        if self._result.status != ExecStatus.TUPLES_OK:
            return []
        loading = Transformer(self._wire.driver)
        loading.set_pgresult(self._result)
        return loading.load_rows(0, self._result.ntuples, tuple)


class Wire:
    """A connection that is lent to one request, for statements that skip SQLAlchemy."""

    def __init__(self, lent: PoolProxiedConnection, *, prepares: bool) -> None:
        driver = lent.driver_connection
        assert isinstance(driver, AsyncConnection)
        self.driver: AsyncConnection[Any] = driver
        self.lent = lent
        self._prepares = prepares
        # Ends with the driver's connection, as what is prepared on it does.
        self._prepared: set[bytes] = lent.info.setdefault(_PREPARED, set())
        self._is_outdated = False
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Given back, the connection is somebody else's: nothing of it may be read or sent."""
        return self._is_over

    @property
    def in_transaction(self) -> bool:
        """Also of one that broke: what was begun on it is not committed."""
        return not self._is_over and (
            self.driver.pgconn.transaction_status != TransactionStatus.IDLE
        )

    async def roll_back(self) -> None:
        """Ends a transaction that nobody has committed; what broke has ended by itself.

        Not by psycopg, which forgets with each rollback all that it has prepared.
        """
        if self.lent.is_valid and self.in_transaction:
            with suppress(DBAPIError):
                await self.send(ROLLBACK)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.roll_back()
        finally:
            await self.give_back()

    async def give_back(self) -> None:
        """To the pool, once; nothing is sent any more."""
        if self._is_over:
            return
        self._is_over = True
        if not self.lent.is_valid:
            return
        if self._is_outdated:
            await greenlet_spawn(self.lent.invalidate)
        elif self.driver.pgconn.transaction_status == TransactionStatus.IDLE:
            self.lent.close()
        else:  # kit/lending.py closes it, for which SQLAlchemy wants a greenlet
            await greenlet_spawn(self.lent.close)

    async def fetch(self, call: Call) -> list[Any]:
        """The rows of one statement, as tuples. Raises DBAPIError."""
        return (await self.send(call))[0].rows()

    async def send(self, *calls: Call) -> list[Answer]:
        """In this order, in one round trip. Raises DBAPIError when the connection breaks.

        Whether a statement failed is its answer's to say, where its rows are taken.
        """
        if self._is_over:
            raise RuntimeError("the connection was given back")
        began_idle = not self.in_transaction
        results = await self._exchange(calls)
        for _ in range(2 * len(calls)):
            if not (self._forgets(calls, results) and began_idle):
                break
            if self.in_transaction:  # begun on the way, and empty
                await self._exchange([ROLLBACK])
            results = await self._exchange(calls)
        error: PGresult | None = None
        answers = []
        for call, result in zip(calls, results, strict=True):
            if error is None and result.status == ExecStatus.FATAL_ERROR:
                error = result  # what comes after it has failed with it
            answers.append(Answer(self, call, result if error is None else error))
        return answers

    def _forgets(self, calls: Sequence[Call], results: Sequence[PGresult]) -> bool:
        """Whether a statement failed for not being prepared any more, or for being so already."""
        for call, result in zip(calls, results, strict=True):
            state = _state_of(result)
            if state == FORGOTTEN:
                self._prepared.clear()  # psycopg's rollback forgets them all
                return True
            if state == PREPARED_BEFORE:
                self._prepared.add(call.statement.name)
                return True
            self._is_outdated = self._is_outdated or state == OUTDATED
        return False

    def failure(self, call: Call, error: psycopg.Error) -> DBAPIError:
        broken = self.driver.closed or self.driver.broken
        if broken and self.lent.is_valid:
            # As SQLAlchemy does: what ended one connection has most likely ended all others.
            self.lent._pool._invalidate(self.lent, error, _checkin=False)  # noqa: SLF001
        return as_database_error(call.statement.text, error, broken=broken)

    async def _exchange(self, calls: Sequence[Call]) -> list[PGresult]:
        """One result a call."""
        with ExitStack() as spans:
            if tracing.is_on():
                for call in calls:
                    spans.enter_context(tracing.statement_span(call.statement.text))
            try:
                sends = self._sends(calls)
                results = await self.driver.wait(_exchange(self.driver.pgconn, sends))
            except psycopg.Error as error:
                raise self.failure(calls[0], error) from error
        return list(self._of_calls(sends, iter(results)))

    def _sends(self, calls: Sequence[Call]) -> "list[_Send]":
        sends = []
        for statement, values in calls:
            dumped = [self._dumped(values[name]) for name in statement.names]
            prepares = self._prepares and statement.prepares
            is_new = prepares and statement.name not in self._prepared
            sends.append(_Send(statement, dumped, prepares, is_new))
        return sends

    def _dumped(self, value: Any) -> Buffer | None:
        """As text. What most statements are sent has a shorter way than psycopg's own."""
        plain = _DUMPS.get(type(value))
        if plain is not None:
            return plain(value)
        return Transformer(self.driver).dump_sequence([value], [PyFormat.TEXT])[0]

    def _of_calls(
        self, sends: "Sequence[_Send]", results: Iterator[PGresult]
    ) -> Iterator[PGresult]:
        for send in sends:
            if send.is_new:
                prepared = next(results)
                if prepared.status == ExecStatus.FATAL_ERROR:
                    next(results)  # its execution, which was skipped
                    yield prepared
                    continue
                if prepared.status == ExecStatus.COMMAND_OK:
                    self._prepared.add(send.statement.name)
            yield next(results)


class _Send(NamedTuple):
    statement: Statement
    values: Sequence[Any]
    prepares: bool
    is_new: bool


def _exchange(
    pgconn: PGconn, sends: Sequence[_Send]
) -> Generator[Wait, Ready | int, list[PGresult]]:
    """Sends everything, and then reads a result for each statement and each preparation."""
    pgconn.enter_pipeline_mode()
    for statement, values, prepares, is_new in sends:
        if is_new:
            pgconn.send_prepare(statement.name, statement.sql)
        if prepares:
            pgconn.send_query_prepared(statement.name, values)
        else:
            pgconn.send_query_params(statement.sql, values)
    pgconn.pipeline_sync()
    while pgconn.flush():
        if (yield Wait.RW) & Ready.R:  # its answers may fill the line before all is sent
            pgconn.consume_input()
    results: list[PGresult] = []
    while True:
        while pgconn.is_busy():
            yield Wait.R
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:  # stands between the results of two
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            break
        results.append(result)
    pgconn.exit_pipeline_mode()
    return results


def _state_of(result: PGresult) -> str | None:
    if result.status != ExecStatus.FATAL_ERROR:
        return None
    state = result.error_field(DiagnosticField.SQLSTATE)
    return None if state is None else bytes(state).decode()


def as_database_error(
    text: str | None, error: psycopg.Error, *, broken: bool = False
) -> DBAPIError:
    """As SQLAlchemy raises it: who catches it need not know how the statement went."""
    return cast(
        DBAPIError,
        DBAPIError.instance(
            text, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=broken
        ),
    )


async def borrowed_wire(session: AsyncSession) -> Wire:
    """On the connection of a session that came about in another way, within its transaction."""
    connection = await session.connection()
    return Wire(await connection.get_raw_connection(), prepares=False)
