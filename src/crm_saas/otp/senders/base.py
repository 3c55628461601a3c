"""What every sender takes and answers."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from crm_saas.otp.purposes import Channel, Locale


class Outcome(Enum):
    ACCEPTED = "accepted"
    """The provider has it; what became of it comes by callback."""
    REFUSED = "refused"
    """Not to this number by this channel, however often one asks: try the next channel."""
    TRANSIENT = "transient"
    """The provider surely did not take it: safe to try again."""
    UNKNOWN = "unknown"
    """It may be on its way. Never sent again by itself: the customer asks for another code."""


@dataclass(frozen=True, kw_only=True)
class OutgoingMessage:
    """One sending. Phone and code stay out of its repr, and so out of tracebacks."""

    to: str = field(repr=False)
    """E.164"""
    channel: Channel
    locale: Locale
    code: str = field(repr=False)
    lines: tuple[str, ...] = field(repr=False)
    """One text for SMS and WhatsApp, sentences for a call."""
    callback_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Receipt:
    outcome: Outcome
    provider_id: str | None = None
    reason: str | None = None
    """The provider's error code, for the operator; never the phone or the text."""


class Sender(Protocol):
    async def send(self, message: OutgoingMessage) -> Receipt:
        """Never raises for what the provider or the network does: the receipt tells."""
        ...
