"""Budgets against guessing and toll fraud (SPEC 3.4): counters in fixed windows.

They are kept apart from the codes, by keyed hash, and outlive them. A tenant's own budget answers
429. One that spans tenants is never shown: it looks like success with nothing sent, or like a
wrong code, since a refusal would tell what other tenants do.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import ARRAY, Integer, LargeBinary, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.kit.crypto import keyed_hash
from crm_saas.kit.networks import network_of
from crm_saas.kit.telemetry import metrics

Subject = Literal["tenant", "phone", "address", "prefix"]
Action = Literal["send", "guess"]

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


class Limit(NamedTuple):
    subject: Subject
    action: Action
    window: timedelta
    limit: int

    @property
    def kind(self) -> str:
        return f"{self.subject}_{self.action}_{'hour' if self.window == _HOUR else 'day'}"


# A guess is a wrong code; right ones are given back.
LIMITS: tuple[Limit, ...] = (
    # A chain of shops at its busiest registers some hundreds of customers in an hour. What a
    # stolen credential can spend stays within two hours' takings of one shop.
    Limit("tenant", "send", _HOUR, 1_000),
    Limit("tenant", "send", _DAY, 5_000),
    # 5,000 codes with one in five mistyped; a thousand guesses find one code in a thousand days.
    Limit("tenant", "guess", _DAY, 1_000),
    # Somebody who joins three businesses in an hour and asks again twice; more is harassment.
    Limit("phone", "send", _HOUR, 5),
    Limit("phone", "send", _DAY, 10),
    # 15 in a million a day: a year of guessing finds a code with a chance of half a percent.
    Limit("phone", "guess", _DAY, 15),
    # Mobile networks put thousands of people behind one /24. Counted for customers' own devices
    # only: a business's server sends for all of its tills.
    Limit("address", "send", _HOUR, 60),
    Limit("address", "send", _DAY, 300),
    Limit("address", "guess", _DAY, 150),
    # Fraud rents whole blocks of 10,000 numbers; real customers are spread over hundreds.
    Limit("prefix", "send", _HOUR, 100),
    Limit("prefix", "send", _DAY, 400),
)

_PREFIX_DROPS_DIGITS = 4
_log = structlog.get_logger("crm_saas.otp")


class Subjects(NamedTuple):
    """Whom a sending or a guess is counted for."""

    tenant_id: UUID
    phone: str
    address: str | None
    """None where the caller is not a customer's own device."""

    def named(self, subject: Subject) -> str | None:
        match subject:
            case "tenant":
                return str(self.tenant_id)
            case "phone":
                return self.phone
            case "prefix":
                return self.phone[:-_PREFIX_DROPS_DIGITS]
            case "address":
                return network_of(self.address) if self.address else None


class Verdict(NamedTuple):
    tenant_exhausted: bool
    retry_after_seconds: int
    """Until the tenant's window ends."""
    shared_exhausted: bool


_ARRAYS = (
    bindparam("subjects", type_=ARRAY(LargeBinary)),
    bindparam("kinds", type_=ARRAY(Text)),
    bindparam("windows", type_=ARRAY(Integer)),
    bindparam("limits", type_=ARRAY(Integer)),
)
_SPEND = text(
    "select kind, retry_after_seconds from otp_spend(:subjects, :kinds, :windows, :limits)"
).bindparams(*_ARRAYS)
_REFUND = text("select otp_refund(:subjects, :kinds, :windows)").bindparams(*_ARRAYS[:3])


async def spend(session: AsyncSession, key: bytes, action: Action, subjects: Subjects) -> Verdict:
    """Counts one `action`, the tenant's budgets first: those stay spent when a shared one is
    exhausted, or a tenant could tell by counting down its own."""
    own = await _spend(session, _chosen(key, action, subjects, shared=False))
    if own:
        return Verdict(True, max(seconds for _, seconds in own), False)
    shared = await _spend(session, _chosen(key, action, subjects, shared=True))
    return Verdict(False, 0, bool(shared))


async def give_back(session: AsyncSession, key: bytes, action: Action, subjects: Subjects) -> None:
    """Undoes a `spend` of the same transaction."""
    for shared in (False, True):
        chosen = _chosen(key, action, subjects, shared=shared)
        await session.execute(_REFUND, _arguments(chosen, with_limits=False))


Chosen = Sequence[tuple[bytes, Limit]]


def _chosen(key: bytes, action: Action, subjects: Subjects, *, shared: bool) -> Chosen:
    return [
        (keyed_hash(key, limit.subject.encode(), name.encode()), limit)
        for limit in LIMITS
        if limit.action == action
        and (limit.subject != "tenant") == shared
        and (name := subjects.named(limit.subject)) is not None
    ]


async def _spend(session: AsyncSession, chosen: Chosen) -> list[tuple[str, int]]:
    rows = (await session.execute(_SPEND, _arguments(chosen))).all()
    for kind, _ in rows:
        _log.warning("otp_budget_exhausted", kind=kind)
        metrics.OTP_BUDGETS.labels(kind).inc()
    return [(kind, seconds) for kind, seconds in rows]


def _arguments(chosen: Chosen, *, with_limits: bool = True) -> dict[str, object]:
    arguments: dict[str, object] = {
        "subjects": [subject for subject, _ in chosen],
        "kinds": [limit.kind for _, limit in chosen],
        "windows": [int(limit.window.total_seconds()) for _, limit in chosen],
    }
    if with_limits:
        arguments["limits"] = [limit.limit for _, limit in chosen]
    return arguments
