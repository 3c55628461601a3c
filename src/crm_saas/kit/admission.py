"""How many requests one process serves at once, and how many of them may be one caller's.

Beyond that a request is refused at once: a queue that grows makes everybody wait for answers that
nobody waits for any more. One caller (a tenant, where the credential names one) may hold half of
the connections and half of the places, so that the other half stays for the others.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from crm_saas.kit.errors import Overloaded
from crm_saas.kit.settings import Settings
from crm_saas.kit.shares import SHARES, Share, Shares


class Admission:
    def __init__(self, settings: Settings) -> None:
        self._in_flight_max = settings.requests_in_flight_max
        self._part_max = settings.requests_in_flight_max // SHARES
        self._wait_seconds = settings.pool_timeout_seconds
        self._in_flight = 0
        self._connections = Shares(settings.pool_size)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """One place of the process. Raises Overloaded."""
        if self._in_flight >= self._in_flight_max:
            raise Overloaded
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    def connection(self, caller: Hashable) -> "Admitted":
        """One place of the process and one of the caller's connections, for which it may wait.

        The block gets what gives the connection back before its end, for an answer that streams on
        without it. Raises Overloaded.
        """
        return Admitted(self, caller)

    def enter(self, caller: Hashable) -> Share:
        if self._in_flight >= self._in_flight_max:
            raise Overloaded
        share = self._connections.join(caller)
        if share.users > self._part_max:
            self._connections.leave(caller, share)
            raise Overloaded
        self._in_flight += 1
        return share

    def leave(self, caller: Hashable, share: Share) -> None:
        self._in_flight -= 1
        self._connections.leave(caller, share)

    async def take_place(self, share: Share) -> None:
        if not share.places.locked():
            await share.places.acquire()  # at once
            return
        try:
            async with asyncio.timeout(self._wait_seconds):
                await share.places.acquire()
        except TimeoutError as error:
            raise Overloaded from error


class Admitted:
    """A class and no generator: every request passes here."""

    def __init__(self, admission: Admission, caller: Hashable) -> None:
        self._admission = admission
        self._caller = caller
        self._holds_place = False

    async def __aenter__(self) -> Callable[[], None]:
        self._share = self._admission.enter(self._caller)
        try:
            await self._admission.take_place(self._share)
        except BaseException:
            self._admission.leave(self._caller, self._share)
            raise
        self._holds_place = True
        return self.release

    async def __aexit__(self, *_: object) -> None:
        self.release()
        self._admission.leave(self._caller, self._share)

    def release(self) -> None:
        if self._holds_place:
            self._holds_place = False
            self._share.places.release()
