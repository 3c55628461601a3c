"""Half of what a process has is the most that one caller holds of it: the other half stays free.

One caller is a tenant, where the credential names one.
"""

import asyncio
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SHARES = 2


@dataclass
class Share:
    places: asyncio.Semaphore
    users: int = 0
    """Who holds one of the places or waits for it."""


class Shares:
    """The shares of those who use theirs now: whoever holds nothing has no entry."""

    def __init__(self, places: int) -> None:
        self._places_of_one = max(1, places // SHARES)
        self._shares: dict[Hashable, Share] = {}

    @contextmanager
    def of(self, caller: Hashable) -> Iterator[Share]:
        share = self.join(caller)
        try:
            yield share
        finally:
            self.leave(caller, share)

    def join(self, caller: Hashable) -> Share:
        """Whoever joins has to leave."""
        share = self._shares.get(caller)
        if share is None:
            share = self._shares[caller] = Share(asyncio.Semaphore(self._places_of_one))
        share.users += 1
        return share

    def leave(self, caller: Hashable, share: Share) -> None:
        share.users -= 1
        if share.users == 0:
            del self._shares[caller]
