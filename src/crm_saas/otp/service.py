"""The verbs of OTP (SPEC 3): send a code, check it, redeem it."""

from datetime import UTC, datetime
from math import ceil
from typing import NamedTuple, cast, get_args
from uuid import UUID

from crm_saas.kit.context import Context
from crm_saas.kit.crypto import encrypt
from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.events import record
from crm_saas.kit.ids import new_id
from crm_saas.kit.jobs import enqueue
from crm_saas.kit.phones import mask_phone
from crm_saas.otp import queries
from crm_saas.otp.budgets import Subjects, give_back, spend
from crm_saas.otp.codes import Challenge, codes_equal, derive_code, typed_code
from crm_saas.otp.errors import OtpBudgetExhausted, OtpRefused, OtpSentRecently
from crm_saas.otp.keys import OtpKeys, phone_aad
from crm_saas.otp.phones import check_served, read_phone
from crm_saas.otp.proofs import InvalidProof, Proof, issue_proof, read_proof
from crm_saas.otp.purposes import PROOF_LIFETIME, SEND_INTERVAL, Channel, Locale, Purpose
from crm_saas.otp.queries import PhoneKey, Sending, Started

TABLE = "sys_otp_codes"
# Somebody stands at a till and waits for it.
DELIVERY_PRIORITY = 10


class SentCode(NamedTuple):
    expires_at: datetime
    resend_at: datetime


class VerifiedCode(NamedTuple):
    token: str
    expires_at: datetime


async def send_code(
    context: Context,
    *,
    phone: str,
    purpose: Purpose,
    channel: Channel | None = None,
    locale: Locale | None = None,
) -> SentCode:
    """Opens a challenge and leaves its delivery to a job, all in the request's transaction.

    A refusal rolls back and so takes nothing from the budgets. Raises InvalidInput,
    PhoneNotServed, OtpBudgetExhausted, OtpSentRecently.
    """
    tenant, settings = context.tenant, context.settings
    number = read_phone(phone, tenant.default_region)
    check_served(number, region=tenant.default_region, countries=settings.otp_countries)
    via = _channel(context, channel)
    keys = OtpKeys.of(settings)
    subject = PhoneKey(tenant.id, keys.phone_hash(number))

    verdict = await spend(context.session, keys.budgets, "send", _subjects(context, number))
    if verdict.tenant_exhausted:
        raise _exhausted(verdict.retry_after_seconds)
    aad = phone_aad(tenant.id, subject.phone_hash)
    started = await queries.start_challenge(
        context.session,
        subject,
        challenge_id=new_id(),
        purpose=purpose,
        phone_sealed=encrypt(keys.ring, number.encode(), aad),
        channel=via,
        locale=locale or _locale(context),
        key_id=keys.ring.current,
        # A budget that spans tenants is exhausted: all goes on as ever, and nothing is sent.
        withheld=verdict.shared_exhausted,
    )
    if started is None:
        raise await _sent_recently(context, subject)
    await enqueue_delivery(context, _sending(subject, started, via))
    await record(
        context,
        "otp.sent",
        subject=(TABLE, started.challenge_id),
        after={"purpose": purpose, "channel": via, "maskedPhone": mask_phone(number)},
    )
    return SentCode(started.expires_at, datetime.now(UTC) + SEND_INTERVAL)


async def verify_code(context: Context, *, phone: str, purpose: Purpose, code: str) -> VerifiedCode:
    """The proof that POST /customers takes. Raises InvalidInput, OtpRefused, OtpBudgetExhausted."""
    challenge = await _check_code(context, phone=phone, purpose=purpose, code=code)
    if challenge is None or not await _verified(context, challenge, phone, at_once=False):
        raise OtpRefused.of("code")
    proof = Proof(
        challenge_id=challenge.id,
        tenant_id=challenge.tenant_id,
        phone_hash=challenge.phone_hash,
        purpose=purpose,
    )
    now = datetime.now(UTC)
    token = issue_proof(OtpKeys.of(context.settings).proofs, proof, now=now)
    return VerifiedCode(token, now + PROOF_LIFETIME)


async def redeem(
    context: Context,
    *,
    phone: str,
    purpose: Purpose,
    code: str | None = None,
    token: str | None = None,
) -> UUID:
    """Uses up a code, or the proof of one, in the request's transaction; returns the challenge.

    Call it before the request's first write: a code is checked in a transaction of its own.
    Raises InvalidInput, OtpRefused, OtpBudgetExhausted.
    """
    if (code is None) == (token is None):
        raise InvalidInput.of("otpCode", "send either otpCode or verificationToken", "one-of")
    if token is not None:
        return await _redeem_token(context, phone=phone, purpose=purpose, token=token)
    challenge = await _check_code(context, phone=phone, purpose=purpose, code=code or "")
    if challenge is None or not await _verified(context, challenge, phone, at_once=True):
        raise OtpRefused.of("otpCode")
    return challenge.id


async def enqueue_delivery(context: Context, sending: Sending) -> None:
    """Ids only: `phone_hash` is the row's key, a keyed hash that nobody else can make."""
    await enqueue(
        context,
        "otp.deliver",
        {
            "challenge_id": sending.challenge_id,
            "phone_hash": sending.phone_hash.hex(),
            "send_counter": sending.send_counter,
            "channel": sending.channel,
        },
        priority=DELIVERY_PRIORITY,
    )


def channels_of(context: Context) -> list[Channel]:
    """In the order of fallback: the tenant's choice among the operator's."""
    offered = context.settings.otp_channels
    wanted = context.tenant.policy("otp_channels", offered)
    return [channel for channel in wanted if channel in offered] or [cast(Channel, offered[0])]


async def _check_code(
    context: Context, *, phone: str, purpose: Purpose, code: str
) -> Challenge | None:
    """Takes an attempt and commits it before the request's fate is known (SPEC 3.2).

    The attempt is counted first and given back when the code is right, under one row lock: parallel
    guesses never buy a fourth, and a request that dies after a right code can be made again.
    None for whatever is wrong, an exhausted shared budget among it.
    """
    number = read_phone(phone, context.tenant.default_region)
    keys = OtpKeys.of(context.settings)
    subjects = _subjects(context, number)
    subject = PhoneKey(context.tenant.id, keys.phone_hash(number))
    async with context.aside() as session:
        challenge = await queries.take_attempt(session, subject, purpose)
        if challenge is None:
            return None
        verdict = await spend(session, keys.budgets, "guess", subjects)
        if verdict.tenant_exhausted:
            raise _exhausted(verdict.retry_after_seconds)
        expected = derive_code(keys.codes, challenge)
        right = expected is not None and codes_equal(expected, typed_code(code))
        if not right or verdict.shared_exhausted:
            return None
        await queries.forgive_attempt(session, challenge)
        await give_back(session, keys.budgets, "guess", subjects)
        return challenge


async def _verified(context: Context, challenge: Challenge, phone: str, *, at_once: bool) -> bool:
    if not await queries.mark_verified(context.session, challenge, at_once=at_once):
        return False
    number = read_phone(phone, context.tenant.default_region)
    await record(
        context,
        "otp.verified",
        subject=(TABLE, challenge.id),
        after={"purpose": challenge.purpose, "maskedPhone": mask_phone(number)},
    )
    return True


async def _redeem_token(context: Context, *, phone: str, purpose: Purpose, token: str) -> UUID:
    number = read_phone(phone, context.tenant.default_region)
    keys = OtpKeys.of(context.settings)
    subject = PhoneKey(context.tenant.id, keys.phone_hash(number))
    try:
        proof = read_proof(keys.proofs, token)
    except InvalidProof as error:
        raise OtpRefused.of("verificationToken") from error
    meant = (proof.tenant_id, proof.phone_hash) == subject and proof.purpose == purpose
    if not meant or not await queries.consume(
        context.session, subject, challenge_id=proof.challenge_id, purpose=purpose
    ):
        raise OtpRefused.of("verificationToken")
    return proof.challenge_id


def _subjects(context: Context, e164: str) -> Subjects:
    """The address counts for customers' own devices: a business sends for all of its tills."""
    from_device = context.actor.role == "publishable"
    return Subjects(context.tenant.id, e164, context.address if from_device else None)


def _channel(context: Context, wanted: Channel | None) -> Channel:
    offered = channels_of(context)
    if wanted is not None and wanted not in offered:
        listed = ", ".join(offered)
        raise InvalidInput.of("channel", f"is not offered; use one of: {listed}", "not-offered")
    return wanted or offered[0]


def _locale(context: Context) -> Locale:
    language = context.tenant.default_locale.partition("-")[0].lower()
    return cast(Locale, language) if language in get_args(Locale) else "en"


def _sending(subject: PhoneKey, started: Started, channel: Channel) -> Sending:
    return Sending(
        subject.tenant_id, subject.phone_hash, started.challenge_id, started.send_counter, channel
    )


def _exhausted(retry_after_seconds: int) -> OtpBudgetExhausted:
    return OtpBudgetExhausted(
        "Too many codes were sent or mistyped for this tenant. Wait, or ask the operator to look.",
        retry_after_seconds=retry_after_seconds,
    )


async def _sent_recently(context: Context, subject: PhoneKey) -> OtpSentRecently:
    sent_at = await queries.last_sent_at(context.session, subject)
    waited = datetime.now(UTC) - sent_at if sent_at else SEND_INTERVAL
    seconds = min(max(1, ceil((SEND_INTERVAL - waited).total_seconds())), SEND_INTERVAL.seconds)
    return OtpSentRecently(
        f"Wait {seconds} seconds, then send another one.", retry_after_seconds=seconds
    )
