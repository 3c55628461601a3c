"""Delivery (SPEC 3.5) and cleaning up (SPEC 3.7)."""

from uuid import UUID

from sqlalchemy import text

from crm_saas.kit.context import Context
from crm_saas.kit.crypto import decrypt
from crm_saas.kit.db import Database
from crm_saas.kit.jobs import Job, PeriodicJob
from crm_saas.kit.telemetry import metrics
from crm_saas.otp import queries
from crm_saas.otp.callbacks import callback_url
from crm_saas.otp.codes import Challenge, derive_code
from crm_saas.otp.keys import OtpKeys, phone_aad
from crm_saas.otp.purposes import CODE_LIFETIME, Channel, Locale
from crm_saas.otp.queries import Claimed, Sending
from crm_saas.otp.senders import Outcome, OutgoingMessage, Receipt, choose_sender
from crm_saas.otp.service import channels_of, enqueue_delivery
from crm_saas.otp.texts import sms_text, spoken_text


class ProviderBusy(Exception):
    """Nothing was sent; the queue tries again."""


async def deliver(
    context: Context, challenge_id: UUID, phone_hash: str, send_counter: int, channel: Channel
) -> None:
    """Sends one code at most once by each channel.

    The claim commits before the provider is called. A run that dies after it leaves the sending
    as `sending`, and a second run finds nothing to claim: the customer asks for another code.
    """
    sending = Sending(
        context.tenant.id, bytes.fromhex(phone_hash), challenge_id, send_counter, channel
    )
    sender = choose_sender(context.settings)
    async with context.aside() as session:
        claimed = await queries.claim_delivery(session, sending)
    if claimed is None or claimed.withheld:
        return
    message = _message(context, sending, claimed)
    if message is None:
        await queries.report_delivery(context.session, sending, "failed", reason="key-gone")
        return
    await _settle(context, sending, await sender.send(message))


async def note_delivery(context: Context, sending: Sending, state: str) -> None:
    """What the provider reports later; an undelivered code goes on by the next channel."""
    news = await queries.report_delivery(context.session, sending, state)
    if news and state in {"undelivered", "failed"}:
        await _fall_back(context, sending)


async def clean_up(platform: Database) -> None:
    async with platform.transaction(None) as session:
        await session.execute(text("select cleanup_expired_otp_codes()"))
        await session.execute(text("select cleanup_otp_budgets()"))


# Twice more, after 5 and 15 seconds: later the customer has asked for another code.
JOBS = (Job(name="otp.deliver", function=deliver, retries=2, timeout_seconds=25),)
PERIODIC_JOBS = (PeriodicJob(name="otp.clean_up", cron="*/5 * * * *", function=clean_up),)


async def _settle(context: Context, sending: Sending, receipt: Receipt) -> None:
    metrics.OTP_SENDS.labels(sending.channel, receipt.outcome.value).inc()
    match receipt.outcome:
        case Outcome.ACCEPTED:
            state = "queued"
        case Outcome.UNKNOWN:
            state = "unknown"
        case Outcome.REFUSED:
            state = "failed"
        case Outcome.TRANSIENT:
            async with context.aside() as session:
                await queries.requeue_delivery(session, sending, sending.channel)
            raise ProviderBusy(receipt.reason)
    await queries.report_delivery(
        context.session, sending, state, provider_id=receipt.provider_id, reason=receipt.reason
    )
    if state == "failed":
        await _fall_back(context, sending)


async def _fall_back(context: Context, sending: Sending) -> None:
    channels = channels_of(context)
    later = channels[channels.index(sending.channel) + 1 :] if sending.channel in channels else []
    if later and await queries.requeue_delivery(context.session, sending, later[0]):
        await enqueue_delivery(context, sending._replace(channel=later[0]))


def _message(context: Context, sending: Sending, claimed: Claimed) -> OutgoingMessage | None:
    """None when the key that the challenge was made with is gone."""
    keys = OtpKeys.of(context.settings)
    challenge = Challenge(
        id=sending.challenge_id,
        tenant_id=sending.tenant_id,
        phone_hash=sending.phone_hash,
        purpose=claimed.purpose,
        key_id=claimed.key_id,
        send_counter=sending.send_counter,
    )
    code = derive_code(keys.codes, challenge)
    if code is None:
        return None
    aad = phone_aad(sending.tenant_id, sending.phone_hash)
    return OutgoingMessage(
        to=decrypt(keys.ring, claimed.phone_sealed, aad).decode(),
        channel=sending.channel,
        locale=claimed.locale,
        code=code,
        lines=_lines(context, sending.channel, claimed.locale, code),
        callback_url=callback_url(context.settings, sending),
    )


def _lines(context: Context, channel: Channel, locale: Locale, code: str) -> tuple[str, ...]:
    tenant = context.tenant
    business = (tenant.name2 or tenant.name) if locale == "ar" else tenant.name
    if channel == "voice":
        return tuple(spoken_text(locale, code=code, business=business))
    minutes = int(CODE_LIFETIME.total_seconds()) // 60
    return (sms_text(locale, code=code, business=business, minutes=minutes),)
