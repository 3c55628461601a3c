"""The functions of `sql/functions/otp_*.sql`, by the tenant of the context."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.otp.codes import Challenge
from crm_saas.otp.purposes import (
    ATTEMPTS_MAX,
    CODE_LIFETIME,
    PROOF_LIFETIME,
    SEND_INTERVAL,
    Channel,
    Locale,
    Purpose,
)


class PhoneKey(NamedTuple):
    """Whose codes: a phone as one tenant knows it."""

    tenant_id: UUID
    phone_hash: bytes


class Started(NamedTuple):
    challenge_id: UUID
    send_counter: int
    expires_at: datetime


class Claimed(NamedTuple):
    phone_sealed: bytes
    purpose: Purpose
    key_id: int
    locale: Locale
    withheld: bool


class Sending(NamedTuple):
    """One sending of one challenge by one channel."""

    tenant_id: UUID
    phone_hash: bytes
    challenge_id: UUID
    send_counter: int
    channel: Channel


_START = text(
    "select challenge_id, counter, expires from otp_start_challenge("
    ":tenant, :phone, :challenge, :purpose, :sealed, :channel, :locale, :key, :withheld, "
    ":lifetime, :pause)"
)
_LAST_SENT = text("select otp_last_sent(:tenant, :phone)")
_ATTEMPT = text(
    "select challenge_id, signing_key, counter "
    "from otp_attempt(:tenant, :phone, :purpose, :attempts_max)"
)
_FORGIVE = text("select otp_forgive(:tenant, :phone, :challenge)")
_VERIFY = text("select otp_verify(:tenant, :phone, :challenge, :counter, :at_once)")
_CONSUME = text("select otp_consume(:tenant, :phone, :challenge, :purpose, :lifetime)")
_CLAIM = text(
    "select sealed_phone, code_purpose, signing_key, language, hidden "
    "from otp_claim_delivery(:tenant, :phone, :challenge, :counter, :channel)"
)
_REPORT = text(
    "select otp_report_delivery("
    ":tenant, :phone, :challenge, :counter, :channel, :state, :provider, :reason)"
)
_REQUEUE = text(
    "select otp_requeue_delivery(:tenant, :phone, :challenge, :counter, :channel, :next_channel)"
)


async def start_challenge(
    session: AsyncSession,
    phone: PhoneKey,
    *,
    challenge_id: UUID,
    purpose: Purpose,
    phone_sealed: bytes,
    channel: Channel,
    locale: Locale,
    key_id: int,
    withheld: bool,
) -> Started | None:
    """None: the last code was sent less than a minute ago."""
    row = await session.execute(
        _START,
        {
            "tenant": phone.tenant_id,
            "phone": phone.phone_hash,
            "challenge": challenge_id,
            "purpose": purpose,
            "sealed": phone_sealed,
            "channel": channel,
            "locale": locale,
            "key": key_id,
            "withheld": withheld,
            "lifetime": CODE_LIFETIME,
            "pause": SEND_INTERVAL,
        },
    )
    found = row.one_or_none()
    return Started(*found) if found else None


async def last_sent_at(session: AsyncSession, phone: PhoneKey) -> datetime | None:
    found: datetime | None = await session.scalar(
        _LAST_SENT, {"tenant": phone.tenant_id, "phone": phone.phone_hash}
    )
    return found


async def take_attempt(
    session: AsyncSession, phone: PhoneKey, purpose: Purpose
) -> Challenge | None:
    """None: nothing is open, or its attempts are used up."""
    rows = await session.execute(
        _ATTEMPT,
        {
            "tenant": phone.tenant_id,
            "phone": phone.phone_hash,
            "purpose": purpose,
            "attempts_max": ATTEMPTS_MAX,
        },
    )
    row = rows.one_or_none()
    if row is None:
        return None
    return Challenge(
        id=row.challenge_id,
        tenant_id=phone.tenant_id,
        phone_hash=phone.phone_hash,
        purpose=purpose,
        key_id=row.signing_key,
        send_counter=row.counter,
    )


async def forgive_attempt(session: AsyncSession, challenge: Challenge) -> None:
    await session.execute(_FORGIVE, _of(challenge))


async def mark_verified(session: AsyncSession, challenge: Challenge, *, at_once: bool) -> bool:
    """False: somebody else was first."""
    arguments = {**_of(challenge), "counter": challenge.send_counter, "at_once": at_once}
    return bool(await session.scalar(_VERIFY, arguments))


async def consume(
    session: AsyncSession, phone: PhoneKey, *, challenge_id: UUID, purpose: Purpose
) -> bool:
    arguments = {
        "tenant": phone.tenant_id,
        "phone": phone.phone_hash,
        "challenge": challenge_id,
        "purpose": purpose,
        "lifetime": PROOF_LIFETIME,
    }
    return bool(await session.scalar(_CONSUME, arguments))


async def claim_delivery(session: AsyncSession, sending: Sending) -> Claimed | None:
    row = (await session.execute(_CLAIM, _sending(sending))).one_or_none()
    return Claimed(*row) if row else None


async def report_delivery(
    session: AsyncSession,
    sending: Sending,
    state: str,
    *,
    provider_id: str | None = None,
    reason: str | None = None,
) -> bool:
    """False: no news."""
    arguments = {**_sending(sending), "state": state, "provider": provider_id, "reason": reason}
    return bool(await session.scalar(_REPORT, arguments))


async def requeue_delivery(session: AsyncSession, sending: Sending, channel: Channel) -> bool:
    arguments = {**_sending(sending), "next_channel": channel}
    return bool(await session.scalar(_REQUEUE, arguments))


def _of(challenge: Challenge) -> dict[str, object]:
    return {
        "tenant": challenge.tenant_id,
        "phone": challenge.phone_hash,
        "challenge": challenge.id,
    }


def _sending(sending: Sending) -> dict[str, object]:
    return {
        "tenant": sending.tenant_id,
        "phone": sending.phone_hash,
        "challenge": sending.challenge_id,
        "counter": sending.send_counter,
        "channel": sending.channel,
    }
