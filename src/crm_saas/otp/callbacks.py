"""What Twilio reports of a message or call, once its signature is checked."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import msgspec
from msgspec import Meta
from twilio.request_validator import RequestValidator

from crm_saas.kit.settings import Settings
from crm_saas.otp.purposes import Channel
from crm_saas.otp.queries import Sending

PATH = "/api/v1/otp/callbacks/twilio"

_STATES = {
    # messages
    "accepted": "queued",
    "scheduled": "queued",
    "queued": "queued",
    "sending": "sent",
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "failed",
    # calls
    "initiated": "queued",
    "ringing": "sent",
    "in-progress": "sent",
    "completed": "delivered",
    "busy": "undelivered",
    "no-answer": "undelivered",
}


class _Query(msgspec.Struct, forbid_unknown_fields=True):
    """Which sending a callback is about. It rides in the callback's URL, which Twilio signs, so
    that it needs no token of its own."""

    tenant: UUID
    challenge: UUID
    phone: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    n: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    channel: Channel


def callback_url(settings: Settings, sending: Sending) -> str:
    """The phone rides in it as its keyed hash, in hexadecimal."""
    query = {
        "tenant": sending.tenant_id,
        "challenge": sending.challenge_id,
        "phone": sending.phone_hash.hex(),
        "n": sending.send_counter,
        "channel": sending.channel,
    }
    return f"{settings.public_url.rstrip('/')}{PATH}?{urlencode(query)}"


def sending_of(query: str) -> Sending | None:
    """None for a URL that `callback_url` did not make; read it only where Twilio signed it."""
    try:
        read = msgspec.convert(dict(parse_qsl(query)), _Query, strict=False)
    except (msgspec.ValidationError, ValueError):
        return None
    phone_hash = bytes.fromhex(read.phone)
    return Sending(read.tenant, phone_hash, read.challenge, read.n, read.channel)


def is_from_twilio(
    settings: Settings, *, query: str, form: Mapping[str, str], signature: str
) -> bool:
    """X-Twilio-Signature, over the public URL as Twilio called it and the form.

    The URL is made of `public_url`: behind a proxy, scheme and host of the request are others.
    """
    if not settings.twilio_auth_token or not signature:
        return False
    url = f"{settings.public_url.rstrip('/')}{PATH}?{query}"
    validator = RequestValidator(settings.twilio_auth_token)
    return bool(validator.validate(url, dict(form), signature))


def delivery_state(form: Mapping[str, str]) -> str | None:
    """Ours for Twilio's; None for a status that nobody here waits for."""
    return _STATES.get(form.get("MessageStatus") or form.get("CallStatus") or "")
