import asyncio
import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from crm_saas.kit.settings import Settings, SettingsError
from crm_saas.otp.purposes import Channel
from crm_saas.otp.senders import (
    LogSender,
    Outcome,
    OutgoingMessage,
    Receipt,
    choose_sender,
)
from crm_saas.otp.senders.twilio import TwilioSender, twiml
from otp import twilio_stand_in as twilio
from otp.twilio_stand_in import Fault, TwilioStandIn

PHONE = "+96890123456"


@pytest.fixture
def stand_in() -> Iterator[TwilioStandIn]:
    with twilio.twilio_stand_in() as running:
        yield running


def settings_for(base_url: str, **changes: object) -> Settings:
    settings = Settings(
        otp_sender="twilio",
        otp_channels=("sms", "whatsapp", "voice"),
        twilio_account_sid=twilio.ACCOUNT,
        twilio_auth_token=twilio.TOKEN,
        twilio_from=twilio.FROM,
        twilio_whatsapp_from=twilio.FROM,
        twilio_base_url=base_url,
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


def message(
    to: str = PHONE, channel: Channel = "sms", lines: tuple[str, ...] = ("123456 is your code.",)
) -> OutgoingMessage:
    return OutgoingMessage(
        to=to,
        channel=channel,
        locale="en",
        code="123456",
        lines=lines,
        callback_url="https://crm.example.com/callback?n=1",
    )


def send(settings: Settings, outgoing: OutgoingMessage, *, seconds_max: float = 5) -> Receipt:
    return asyncio.run(TwilioSender(settings, answer_seconds_max=seconds_max).send(outgoing))


def test_an_sms_arrives(stand_in: TwilioStandIn) -> None:
    receipt = send(settings_for(stand_in.base_url), message())
    [sent] = stand_in.sent
    assert receipt == Receipt(outcome=Outcome.ACCEPTED, provider_id=sent.sid)
    assert sent.form == {
        "To": PHONE,
        "From": twilio.FROM,
        "Body": "123456 is your code.",
        "StatusCallback": "https://crm.example.com/callback?n=1",
        "ValidityPeriod": "300",
    }


def test_a_messaging_service_may_choose_the_number(stand_in: TwilioStandIn) -> None:
    send(settings_for(stand_in.base_url, twilio_from=twilio.MESSAGING_SERVICE), message())
    assert stand_in.sent[0].form["MessagingServiceSid"] == twilio.MESSAGING_SERVICE
    assert "From" not in stand_in.sent[0].form


def test_whatsapp_uses_its_own_addresses(stand_in: TwilioStandIn) -> None:
    receipt = send(settings_for(stand_in.base_url), message(channel="whatsapp"))
    assert receipt.outcome is Outcome.ACCEPTED
    assert stand_in.sent[0].to == f"whatsapp:{PHONE}"
    assert stand_in.sent[0].form["From"] == f"whatsapp:{twilio.FROM}"


def test_whatsapp_sends_the_approved_template(stand_in: TwilioStandIn) -> None:
    settings = settings_for(stand_in.base_url, twilio_whatsapp_template=twilio.TEMPLATE)
    assert send(settings, message(channel="whatsapp")).outcome is Outcome.ACCEPTED
    assert stand_in.sent[0].form["ContentSid"] == twilio.TEMPLATE
    assert json.loads(stand_in.sent[0].form["ContentVariables"]) == {"1": "123456"}
    assert "Body" not in stand_in.sent[0].form


def test_a_call_reads_the_digits(stand_in: TwilioStandIn) -> None:
    lines = ("Your code is: 1, 2, 3, 4, 5, 6.", "Again: 1, 2, 3, 4, 5, 6.")
    receipt = send(settings_for(stand_in.base_url), message(channel="voice", lines=lines))
    assert receipt.outcome is Outcome.ACCEPTED
    assert stand_in.sent[0].kind == "Calls"
    assert stand_in.sent[0].text == " ".join(lines)


def test_a_business_name_cannot_write_the_script_of_the_call() -> None:
    script = twiml(message(channel="voice", lines=("</Say><Dial>+19005550100</Dial><Say>",)))
    tags = [element.tag for element in ET.fromstring(script)]  # noqa: S314 - our own
    assert tags == ["Say", "Pause"]


@pytest.mark.parametrize(
    ("to", "code"),
    [
        (twilio.INVALID, "21211"),
        (twilio.UNROUTABLE, "21612"),
        (twilio.NOT_PERMITTED, "21408"),
        (twilio.BLOCKED, "21610"),
        (twilio.NOT_MOBILE, "21614"),
    ],
)
def test_a_refused_number_is_refused_for_good(stand_in: TwilioStandIn, to: str, code: str) -> None:
    receipt = send(settings_for(stand_in.base_url), message(to))
    assert receipt == Receipt(outcome=Outcome.REFUSED, reason=code)
    assert stand_in.sent == []


def test_wrong_credentials_are_refused(stand_in: TwilioStandIn) -> None:
    receipt = send(settings_for(stand_in.base_url, twilio_auth_token="wrong"), message())
    assert receipt == Receipt(outcome=Outcome.REFUSED, reason="20003")


@pytest.mark.parametrize(
    "fault", [Fault(429, 20429), Fault(500), Fault(503), Fault(502, body=b"<html>")]
)
def test_a_busy_provider_is_asked_once_and_may_be_asked_again(
    stand_in: TwilioStandIn, fault: Fault
) -> None:
    stand_in.fail(fault, times=2)
    settings = settings_for(stand_in.base_url)
    outcomes = [send(settings, message()).outcome for _ in range(3)]
    assert outcomes == [Outcome.TRANSIENT, Outcome.TRANSIENT, Outcome.ACCEPTED]
    assert stand_in.requests == 3
    assert len(stand_in.sent) == 1


def test_an_unreachable_provider_may_be_asked_again() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        receipt = send(settings_for(f"http://127.0.0.1:{port}"), message())
    assert receipt.outcome is Outcome.TRANSIENT


@pytest.mark.parametrize(
    "fault",
    [
        Fault(silent=True),
        Fault(hang_up=True),
        Fault(504, body=b"gateway timeout"),
        Fault(201, body=b"not json"),
    ],
    ids=["silent", "hang up", "gateway timeout", "no json"],
)
def test_what_may_have_been_sent_is_unknown_and_not_sent_again(
    stand_in: TwilioStandIn, fault: Fault
) -> None:
    stand_in.fail(fault)
    receipt = send(settings_for(stand_in.base_url), message(), seconds_max=0.3)
    assert receipt.outcome is Outcome.UNKNOWN
    assert stand_in.requests == 1


def test_nothing_shows_the_code_or_the_phone(
    stand_in: TwilioStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    outgoing = message()
    with caplog.at_level(logging.DEBUG):
        send(settings_for(stand_in.base_url), outgoing)
    shown = caplog.text + repr(outgoing)
    assert "123456" not in shown
    assert PHONE not in shown


def test_the_log_sender_shows_the_code(caplog: pytest.LogCaptureFixture) -> None:
    sender = choose_sender(Settings(otp_sender="log"))
    assert isinstance(sender, LogSender)
    assert asyncio.run(sender.send(message())).outcome is Outcome.ACCEPTED
    assert "123456 is your code." in caplog.text


def test_the_log_sender_is_refused_in_production() -> None:
    with pytest.raises(SettingsError, match="refused in production"):
        choose_sender(Settings(otp_sender="log", environment="production"))


@pytest.mark.parametrize(
    "missing", ["twilio_account_sid", "twilio_auth_token", "twilio_from", "twilio_whatsapp_from"]
)
def test_twilio_without_its_settings_is_refused(missing: str) -> None:
    with pytest.raises(SettingsError, match=missing.upper()):
        choose_sender(settings_for("", **{missing: ""}))


@pytest.mark.parametrize("channels", [(), ("sms", "pigeon")])
def test_channels_that_are_none_are_refused_at_start(channels: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="CRM_OTP_CHANNELS"):
        choose_sender(Settings(otp_channels=channels))
