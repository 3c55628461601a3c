"""How a code reaches a phone: Twilio, or in development the log."""

from crm_saas.kit.settings import Settings, SettingsError
from crm_saas.otp.purposes import CHANNELS
from crm_saas.otp.senders.base import Outcome, OutgoingMessage, Receipt, Sender
from crm_saas.otp.senders.log import LogSender

__all__ = [
    "LogSender",
    "Outcome",
    "OutgoingMessage",
    "Receipt",
    "Sender",
    "choose_sender",
]


def choose_sender(settings: Settings) -> Sender:
    """Raises SettingsError: API and worker call it at start, so that none serves without one."""
    unknown = set(settings.otp_channels) - set(CHANNELS)
    if unknown or not settings.otp_channels:
        raise SettingsError(
            f"CRM_OTP_CHANNELS must name at least one of {', '.join(CHANNELS)}, "
            f"not {' '.join(settings.otp_channels)!r}."
        )
    if settings.otp_sender == "twilio":
        # Its client is 15 MiB, which who does not send through it need not have.
        from crm_saas.otp.senders.twilio import TwilioSender

        return TwilioSender(settings)
    if settings.otp_sender == "log":
        return LogSender(settings.environment)
    raise SettingsError(f"CRM_OTP_SENDER must be log or twilio, not {settings.otp_sender!r}.")
