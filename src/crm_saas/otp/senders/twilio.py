"""Sends through Twilio's own client, and says of each failure whether another try is safe."""

import json
import logging
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    InvalidURL,
    encode_basic_auth,
)
from twilio.base import values
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.twiml.voice_response import VoiceResponse

from crm_saas.kit.settings import Settings, SettingsError
from crm_saas.otp.purposes import CODE_LIFETIME, Locale
from crm_saas.otp.senders.base import Outcome, OutgoingMessage, Receipt

_CONNECT_SECONDS_MAX = 3
_ANSWER_SECONDS_MAX = 10
_RING_SECONDS_MAX = 30

_log = logging.getLogger(__name__)

_VOICES: dict[Locale, dict[str, str]] = {
    "en": {"language": "en-GB", "voice": "Polly.Amy"},
    "ar": {"language": "arb", "voice": "Polly.Zeina"},
}


class TwilioSender:
    def __init__(
        self, settings: Settings, *, answer_seconds_max: float = _ANSWER_SECONDS_MAX
    ) -> None:
        if not (
            settings.twilio_account_sid and settings.twilio_auth_token and settings.twilio_from
        ):
            raise SettingsError(
                "CRM_OTP_SENDER=twilio needs TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM."
            )
        if "whatsapp" in settings.otp_channels and not settings.twilio_whatsapp_from:
            raise SettingsError("The channel whatsapp needs TWILIO_WHATSAPP_FROM.")
        self._settings = settings
        self._answer_seconds_max = answer_seconds_max

    async def send(self, message: OutgoingMessage) -> Receipt:
        # A connection a message: a handshake is nothing beside an SMS, and nothing is left open.
        timeout = ClientTimeout(total=self._answer_seconds_max, sock_connect=_CONNECT_SECONDS_MAX)
        async with ClientSession(timeout=timeout) as session:
            client = Client(
                self._settings.twilio_account_sid,
                self._settings.twilio_auth_token,
                http_client=_HttpClient(session, self._settings.twilio_base_url),
            )
            try:
                return _accepted(await self._create(client, message))
            except TwilioException as error:
                return _refused_by_twilio(error)
            except (ClientConnectorError, ConnectionTimeoutError, InvalidURL) as error:
                return Receipt(outcome=Outcome.TRANSIENT, reason=type(error).__name__)
            except (ClientError, TimeoutError) as error:
                return Receipt(outcome=Outcome.UNKNOWN, reason=type(error).__name__)
            except ValueError as error:  # an answer that is no JSON, after Twilio had it all
                return Receipt(outcome=Outcome.UNKNOWN, reason=type(error).__name__)

    async def _create(self, client: Client, message: OutgoingMessage) -> Any:
        callback = message.callback_url or values.unset
        if message.channel == "voice":
            return await client.calls.create_async(
                to=message.to,
                from_=self._settings.twilio_from,
                twiml=twiml(message),
                timeout=_RING_SECONDS_MAX,
                status_callback=callback,
            )
        prefix = "whatsapp:" if message.channel == "whatsapp" else ""
        return await client.messages.create_async(
            to=prefix + message.to,
            status_callback=callback,
            # A code that waits in Twilio's queue for longer than it lives is of no use.
            validity_period=int(CODE_LIFETIME.total_seconds()),
            **(self._whatsapp(message) if prefix else self._sms(message)),
        )

    def _sms(self, message: OutgoingMessage) -> dict[str, str]:
        sender = self._settings.twilio_from
        name = "messaging_service_sid" if sender.startswith("MG") else "from_"
        return {name: sender, "body": message.lines[0]}

    def _whatsapp(self, message: OutgoingMessage) -> dict[str, str]:
        """WhatsApp lets a business begin a talk by an approved template only (Twilio 63016)."""
        sender = {"from_": "whatsapp:" + self._settings.twilio_whatsapp_from}
        template = self._settings.twilio_whatsapp_template
        if not template:
            return {**sender, "body": message.lines[0]}
        variables = json.dumps({"1": message.code})
        return {**sender, "content_sid": template, "content_variables": variables}


def twiml(message: OutgoingMessage) -> str:
    """The call's script; the library escapes what a business may be called."""
    response = VoiceResponse()
    for sentence in message.lines:
        response.say(sentence, **_VOICES[message.locale])
        response.pause(length=1)
    return str(response)


def _accepted(created: Any) -> Receipt:
    return Receipt(outcome=Outcome.ACCEPTED, provider_id=created.sid)


def _refused_by_twilio(error: TwilioException) -> Receipt:
    if not isinstance(error, (TwilioRestException, TwilioServiceException)):
        return Receipt(outcome=Outcome.UNKNOWN, reason=type(error).__name__)
    reason = str(error.code or error.status)
    if error.status == 504:  # a gateway gave up waiting: what is behind it may have sent
        return Receipt(outcome=Outcome.UNKNOWN, reason=reason)
    if error.status == 429 or error.status >= 500:
        return Receipt(outcome=Outcome.TRANSIENT, reason=reason)
    return Receipt(outcome=Outcome.REFUSED, reason=reason)


class _HttpClient(AsyncHttpClient):  # type: ignore[misc]
    """Twilio's extension point for HTTP. Its own client runs without any timeout (it hands the one
    that it is given to nobody), cannot be pointed elsewhere, and keeps the last request."""

    def __init__(self, session: ClientSession, base_url: str) -> None:
        super().__init__(logger=_log, is_async=True)
        self._session = session
        self._base = urlsplit(base_url) if base_url else None

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - the base's; the session has one
        allow_redirects: bool = False,
    ) -> Response:
        if self._base is not None:
            there = urlsplit(url)._replace(scheme=self._base.scheme, netloc=self._base.netloc)
            url = urlunsplit(there)
        credentials = {"Authorization": encode_basic_auth(*auth)} if auth else {}
        async with self._session.request(
            method,
            url,
            params=params,
            data=data,
            headers={**(headers or {}), **credentials},
            allow_redirects=allow_redirects,
        ) as response:
            return Response(response.status, await response.text(), response.headers)
