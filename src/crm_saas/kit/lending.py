"""A connection is lent for a bounded time, whatever becomes of the server at its other end, and
comes back without a transaction or not at all.

PostgreSQL bounds its own statements (sql/roles.sql). A process of it that is frozen, or a network
that swallows what is sent, keeps nobody's time: the socket is then shut down from here, and who
waits on it meets an ordinary broken connection.
"""

import asyncio
import os
import socket
from typing import Any

from psycopg.pq import ConnStatus, PipelineStatus, TransactionStatus
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

# To a request: twice what PostgreSQL allows to one statement of crm_app (sql/roles.sql).
LOAN_SECONDS_MAX = 30
PING_SECONDS_MAX = 3
_ALARM = "crm_saas.alarm"
_IS_NEW = "crm_saas.is_new"


def bound_loans(engine: AsyncEngine, *, seconds_max: float, ping: bool) -> None:
    """`ping` asks each connection whether it lives before it is lent again, as `pool_pre_ping`
    would do without a bound.

    One that was made just now is not asked: a pooler lets in while its database is away, and the
    caller's own statement then says so better than a pool that could not find a live connection.
    """
    dialect = engine.dialect

    @event.listens_for(engine.sync_engine, "connect")
    def mark(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_IS_NEW] = True

    @event.listens_for(engine.sync_engine, "checkout")
    def lend(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        if not record.info.pop(_IS_NEW, False) and ping:
            _set_alarm(connection, record, PING_SECONDS_MAX)
            try:
                dialect.do_ping(connection)
            except dialect.loaded_dbapi.Error as error:
                raise DisconnectionError("it was gone") from error  # the pool opens another
            finally:
                _clear_alarm(record)
        _set_alarm(connection, record, seconds_max)

    @event.listens_for(engine.sync_engine, "checkin")
    def take_back(connection: Any, record: ConnectionPoolEntry) -> None:
        _clear_alarm(record)
        # A COMMIT that is cancelled before it begins leaves its transaction open, and SQLAlchemy
        # takes it for over: the next request would go on within it, as its tenant.
        if connection is not None and not _is_idle(connection):
            record.invalidate()


def _set_alarm(connection: Any, record: ConnectionPoolEntry, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    assert record.record_info is not None  # a pool's own entry has it
    record.record_info[_ALARM] = loop.call_later(
        seconds, _break, connection.driver_connection.pgconn
    )


def _clear_alarm(record: ConnectionPoolEntry) -> None:
    assert record.record_info is not None
    alarm: asyncio.TimerHandle | None = record.record_info.pop(_ALARM, None)
    if alarm is not None:
        alarm.cancel()


def _is_idle(connection: Any) -> bool:
    pgconn = connection.driver_connection.pgconn
    is_idle: bool = pgconn.transaction_status == TransactionStatus.IDLE
    return is_idle and bool(pgconn.pipeline_status == PipelineStatus.OFF)


def _break(connection: Any) -> None:
    """Ends the traffic and leaves the descriptor to its owner, who closes it."""
    if connection.status == ConnStatus.OK:
        with socket.socket(fileno=os.dup(connection.socket)) as line:
            line.shutdown(socket.SHUT_RDWR)
