"""Budgets of requests in fixed windows, over all processes together, without a write a request.

Each process leases a part of a budget from Postgres and counts by itself until that is used up.
What is leased in one window never passes the limit; a lease ends with its window, by the
database's clock. A process that leased more than it is asked for leaves that much unused: so the
first lease is small, the next ones double, and towards the end of a budget they shrink.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.db import Database
from crm_saas.kit.errors import Unavailable
from crm_saas.kit.models import Base

FIRST_LEASE = 4
# One lease is at most so large a part of the limit.
SHARE_OF_LIMIT = 20
LEASE_SECONDS_MAX = 5.0
# A lease that is dropped for want of room is lost to its subject until the window ends.
SUBJECTS_MAX = 10_000

_LEASE = text("select * from lease_requests(:subject, :window, :most, :needed, :wanted)")
_log = structlog.get_logger("crm_saas.budgets")


class RequestBudget(Base):
    """What of one subject's budget is leased in one window.

    Unlogged: a lease waits for no disk, and is worth nothing after a minute. A crash of the
    database empties the table, and so begins the running window anew.
    """

    __tablename__ = "sys_request_budgets"
    __table_args__ = (
        CheckConstraint("leased >= 0", name="leased"),
        Index("sys_request_budgets_window_ix", "window_start"),
        {"prefixes": ["UNLOGGED"]},
    )

    subject_hash: Mapped[bytes] = mapped_column(primary_key=True)
    window_start: Mapped[datetime] = mapped_column(primary_key=True)
    leased: Mapped[int]


class Balance(NamedTuple):
    """How a budget stands after a spending; `remaining` counts what other processes may take."""

    spent: bool
    remaining: int
    seconds_left: float
    window: int


@dataclass
class _Lease:
    window: int = -1
    left: int = 0
    unleased: int = 0
    ends_at: float = 0.0
    size: int = 0
    call: asyncio.Task[None] | None = None

    def end_with_window(self) -> None:
        if time.monotonic() >= self.ends_at:
            self.window, self.left, self.unleased, self.size = -1, 0, 0, 0

    def refuses(self, units: int) -> bool:
        """For certain, until the window ends: what is unleased never grows."""
        return self.window >= 0 and self.left + self.unleased < units


class Leases:
    """The leases of one process, the least recently used dropped first."""

    def __init__(
        self, database: Database, *, window_seconds: int, subjects_max: int = SUBJECTS_MAX
    ) -> None:
        self._database = database
        self.window_seconds = window_seconds
        self._subjects_max = subjects_max
        self._leases: OrderedDict[bytes, _Lease] = OrderedDict()

    async def spend(self, subject: bytes, limit: int, units: int = 1) -> Balance:
        """Spends all of the units or none. An exhausted budget is answered from memory.

        Raises Unavailable when the database does not answer: what cannot be counted is not served.
        """
        lease = self._lease_of(subject)
        lease.end_with_window()
        while lease.left < units:
            if lease.refuses(units):
                return self._balance(lease, spent=False)
            await self._extend(subject, lease, limit, units)
            lease.end_with_window()
        lease.left -= units
        return self._balance(lease, spent=True)

    def give_back(self, subject: bytes, balance: Balance, units: int = 1) -> None:
        """Undoes a spending, for a request that another budget refused."""
        lease = self._lease_of(subject)
        if lease.window == balance.window:
            lease.left += units

    def _balance(self, lease: _Lease, *, spent: bool) -> Balance:
        seconds = max(lease.ends_at - time.monotonic(), 0.0)
        return Balance(spent, lease.left + lease.unleased, seconds, lease.window)

    def _lease_of(self, subject: bytes) -> _Lease:
        lease = self._leases.setdefault(subject, _Lease())
        self._leases.move_to_end(subject)
        if len(self._leases) > self._subjects_max:
            self._leases.popitem(last=False)
        return lease

    async def _extend(self, subject: bytes, lease: _Lease, limit: int, units: int) -> None:
        """One call at a time for a subject; whoever comes meanwhile shares it."""
        if lease.call is None:
            lease.call = asyncio.create_task(self._call(subject, lease, limit, units - lease.left))
            lease.call.add_done_callback(_note_end)
        try:
            # The call goes on when its caller gives up: cut off in the middle of connecting, it
            # would leave the connection open behind.
            await asyncio.wait_for(asyncio.shield(lease.call), LEASE_SECONDS_MAX)
        except (TimeoutError, DBAPIError, PoolTimeout) as error:
            raise Unavailable from error

    async def _call(self, subject: bytes, lease: _Lease, limit: int, needed: int) -> None:
        # Before the call: the lease then ends no later than the database's window.
        asked_at = time.monotonic()
        wanted = min(max(FIRST_LEASE, 2 * lease.size), max(1, limit // SHARE_OF_LIMIT))
        arguments = {
            "subject": subject,
            "window": self.window_seconds,
            "most": limit,
            "needed": needed,
            "wanted": wanted,
        }
        try:
            async with self._database.transaction(None, "asides") as session:
                row = (await session.execute(_LEASE, arguments)).one()
        finally:
            lease.call = None
        if row.window_number != lease.window:
            lease.left = 0
        lease.window = row.window_number
        lease.left += row.granted
        lease.unleased = row.unleased
        lease.size = row.granted
        lease.ends_at = asked_at + row.seconds_left


def _note_end(call: asyncio.Task[None]) -> None:
    """Fetches the error of a call whose callers have all given up."""
    if not call.cancelled() and (error := call.exception()) is not None:
        _log.warning("lease_failed", error=type(error).__name__)
