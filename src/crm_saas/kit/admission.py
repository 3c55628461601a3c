"""How many requests one process serves at once, and how many of them may be one caller's.

Beyond that a request is refused at once: a queue that grows makes everybody wait for answers that
nobody waits for any more. One caller (a tenant, where the credential names one) may hold half of
the connections and half of the places, so that the other half stays for the others.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager

from crm_saas.kit.errors import Overloaded
from crm_saas.kit.settings import Settings
from crm_saas.kit.shares import SHARES, Shares


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

    @asynccontextmanager
    async def connection(self, caller: Hashable) -> AsyncIterator[Callable[[], None]]:
        """One place of the process and one of the caller's connections, for which it may wait.

        Yields what gives the connection back before the end, for an answer that streams on
        without it. Raises Overloaded.
        """
        with self.counted(), self._connections.of(caller) as share:
            if share.users > self._part_max:
                raise Overloaded
            try:
                async with asyncio.timeout(self._wait_seconds):
                    await share.places.acquire()
            except TimeoutError as error:
                raise Overloaded from error
            held = True

            def release() -> None:
                nonlocal held
                if held:
                    held = False
                    share.places.release()

            try:
                yield release
            finally:
                release()
