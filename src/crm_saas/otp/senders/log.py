"""Development's sender: the code appears in the log, where a developer reads it."""

import logging

from crm_saas.kit.settings import SettingsError
from crm_saas.otp.senders.base import Outcome, OutgoingMessage, Receipt

_logger = logging.getLogger("crm_saas.otp")


class LogSender:
    def __init__(self, environment: str) -> None:
        if environment == "production":
            raise SettingsError(
                "CRM_OTP_SENDER=log writes codes into the log and is refused in production. "
                "Set CRM_OTP_SENDER=twilio with TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and "
                "TWILIO_FROM."
            )

    async def send(self, message: OutgoingMessage) -> Receipt:
        _logger.warning("%s to %s: %s", message.channel, message.to, " ".join(message.lines))
        return Receipt(outcome=Outcome.ACCEPTED)
