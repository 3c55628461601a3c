"""Which budgets a request is counted for, and what the answer says of them.

Before anything is known of the caller its address pays, which bounds guessing of credentials too.
The credential's and the tenant's budgets come after authentication, so that nobody spends what is
another's. A credential that has none left is remembered until the window ends, and refused without
asking the database: memory may refuse, never admit.

`RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from crm_saas.kit.budgets import SUBJECTS_MAX, Balance, Leases
from crm_saas.kit.context import Tenant
from crm_saas.kit.crypto import KeyRing, keyed_hash
from crm_saas.kit.db import Database
from crm_saas.kit.errors import RequestBudgetExhausted
from crm_saas.kit.networks import network_of
from crm_saas.tenancy.resolution import Caller

# A publishable key is in the hands of everybody: one network may use a tenth of its budget.
DEVICES_SHARE = 10
# Who asks again at once is held back so long; who waits as told never notices.
HELD_BACK_SECONDS = 0.05
HELD_BACK_MAX = 500
Mark = tuple[bytes, str | None, str | None]


class Budget(NamedTuple):
    name: str
    subject: bytes
    limit: int
    shown: bool = True


class Exhausted(NamedTuple):
    budget: Budget
    until: float


class RequestLimits:
    """The budgets of one process. What they keep in memory is bounded."""

    def __init__(self, database: Database) -> None:
        settings = database.settings
        self._settings = settings
        self._key = KeyRing.from_settings(settings).lookup_key("request budgets")
        # Apart, so that a flood from many addresses pushes no caller's lease out.
        window_seconds = settings.budget_window_seconds
        self._addresses = Leases(database, window_seconds=window_seconds)
        self._callers = Leases(database, window_seconds=window_seconds)
        self._exhausted: OrderedDict[Mark, Exhausted] = OrderedDict()
        self._held_back = 0

    async def refuse_exhausted(self, caller: Caller, state: dict[str, Any]) -> None:
        """From memory. Raises RequestBudgetExhausted, after a moment: a client that repeats each
        refused request at once would take the process's time from the others.

        Comes before the address is counted, so that a noisy tenant does not spend what others
        behind the same address need.
        """
        if not self._exhausted:
            return
        for mark in _marks(caller):
            found = self._exhausted.get(mark)
            if found is not None and (seconds := found.until - time.monotonic()) > 0:
                await self._hold_back()
                raise self._refusal(found.budget, seconds, state)

    async def _hold_back(self) -> None:
        if self._held_back < HELD_BACK_MAX:
            self._held_back += 1
            try:
                await asyncio.sleep(HELD_BACK_SECONDS)
            finally:
                self._held_back -= 1

    async def admit(self, state: dict[str, Any]) -> None:
        """Before authentication. Raises RequestBudgetExhausted."""
        limit = self._settings.requests_per_minute_address
        if limit == 0:
            return
        network = network_of(state["address"], v4_bits=32)
        budget = Budget("address", self._subject("address", network.encode()), limit)
        balance = await self._addresses.spend(budget.subject, limit)
        if not balance.spent:
            raise self._refusal(budget, balance.seconds_left, state)

    def charge_of(
        self, caller: Caller, tenant: Tenant, state: dict[str, Any]
    ) -> Callable[[int], Awaitable[None]]:
        """Counts so many requests for the budgets of an authenticated caller."""
        return partial(self._charge, caller, self._budgets_of(caller, tenant), state)

    async def _charge(
        self, caller: Caller, budgets: Sequence[Budget], state: dict[str, Any], units: int
    ) -> None:
        """All of them or none. Raises RequestBudgetExhausted."""
        if units <= 0:
            return
        spent: list[tuple[Budget, Balance]] = []
        for budget in budgets:
            balance = await self._callers.spend(budget.subject, budget.limit, units)
            if balance.spent:
                spent.append((budget, balance))
                continue
            for earlier, its in spent:
                self._callers.give_back(earlier.subject, its, units)
            if units == 1:
                self._remember(caller, budget, balance)
            raise self._refusal(budget, balance.seconds_left, state, units)
        state["budget_headers"] = self._headers([(b, its) for b, its in spent if b.shown])

    def _budgets_of(self, caller: Caller, tenant: Tenant) -> list[Budget]:
        """Those with a limit. To everybody's devices a business does not show how busy it is."""
        settings = self._settings
        per_key = tenant.policy("requests_per_minute_key", settings.requests_per_minute_key)
        per_tenant = tenant.policy("requests_per_minute", settings.requests_per_minute_tenant)
        public = caller.token.kind == "pk"
        # A person on the staff of two businesses has a budget in each.
        credential = (caller.hash, tenant.id.bytes)
        budgets = [
            Budget("key", self._subject("key", *credential), per_key, shown=not public),
            Budget("tenant", self._subject("tenant", tenant.id.bytes), per_tenant, not public),
        ]
        if public and per_key:
            network = network_of(caller.address).encode()
            limit = max(1, per_key // DEVICES_SHARE)
            budgets.insert(
                0, Budget("device", self._subject("device", *credential, network), limit)
            )
        return [budget for budget in budgets if budget.limit]

    def _remember(self, caller: Caller, budget: Budget, balance: Balance) -> None:
        of_credential, of_device = _marks(caller)
        mark = of_device if budget.name == "device" else of_credential
        self._exhausted[mark] = Exhausted(budget, time.monotonic() + balance.seconds_left)
        self._exhausted.move_to_end(mark)
        if len(self._exhausted) > SUBJECTS_MAX:
            self._exhausted.popitem(last=False)

    def _refusal(
        self, budget: Budget, seconds_left: float, state: dict[str, Any], units: int = 1
    ) -> RequestBudgetExhausted:
        balance = Balance(False, 0, seconds_left, 0)
        state["budget_headers"] = self._headers([(budget, balance)])
        seconds = max(1, math.ceil(seconds_left))
        window = self._settings.budget_window_seconds
        many = f" This one counts as {units:,}." if units > 1 else ""
        return RequestBudgetExhausted(
            f"{_WHOSE[budget.name]} may make {budget.limit:,} requests in {window} seconds.{many} "
            f"Wait {seconds} seconds.",
            retry_after_seconds=seconds,
        )

    def _headers(self, balances: Sequence[tuple[Budget, Balance]]) -> dict[str, str]:
        if not balances:
            return {}
        window = self._settings.budget_window_seconds
        return {
            "ratelimit-policy": ", ".join(
                f'"{b.name}";q={b.limit};w={window}' for b, _ in balances
            ),
            "ratelimit": ", ".join(
                f'"{b.name}";r={its.remaining};t={math.ceil(its.seconds_left)}'
                for b, its in balances
            ),
        }

    def _subject(self, kind: str, *parts: bytes) -> bytes:
        """No address and no token's hash in clear."""
        return _subject(self._key, kind, parts)


@lru_cache(maxsize=SUBJECTS_MAX)
def _subject(key: bytes, kind: str, parts: tuple[bytes, ...]) -> bytes:
    return keyed_hash(key, kind.encode(), *parts)


_WHOSE = {
    "address": "Your address",
    "device": "Devices of one network",
    "key": "One key or session",
    "tenant": "All keys and sessions of a tenant together",
}


def _marks(caller: Caller) -> tuple[Mark, Mark]:
    """What an exhausted budget is remembered by: the credential, or that from one network."""
    token = caller.hash
    slug = caller.tenant_slug
    return (token, slug, None), (token, slug, network_of(caller.address))
