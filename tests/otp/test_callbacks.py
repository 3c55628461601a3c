from uuid import UUID

import httpx
import pytest
from twilio.request_validator import RequestValidator

from crm_saas.kit.settings import Settings
from crm_saas.otp.callbacks import (
    PATH,
    callback_url,
    delivery_state,
    is_from_twilio,
    sending_of,
)
from crm_saas.otp.queries import Sending
from crm_saas.otp.routes import _FORM_FIELDS_MAX
from factories.servers import Server

TOKEN = "auth-token"
SETTINGS = Settings(public_url="https://crm.example.com", twilio_auth_token=TOKEN)
SENDING = Sending(UUID(int=1), b"\x02" * 32, UUID(int=3), 4, "sms")
FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "ErrorCode": ""}
URL = callback_url(SETTINGS, SENDING)
QUERY = URL.partition("?")[2]
SIGNATURE = RequestValidator(TOKEN).compute_signature(URL, FORM)


def test_the_url_names_the_sending() -> None:
    assert URL.startswith("https://crm.example.com/api/v1/otp/callbacks/twilio?")
    assert sending_of(QUERY) == SENDING


def test_twilios_signature_is_accepted() -> None:
    assert is_from_twilio(SETTINGS, query=QUERY, form=FORM, signature=SIGNATURE)


def test_anything_else_is_not() -> None:
    def accepted(
        query: str = QUERY, form: dict[str, str] = FORM, signature: str = SIGNATURE
    ) -> bool:
        return is_from_twilio(SETTINGS, query=query, form=form, signature=signature)

    assert accepted()
    assert not accepted(query=QUERY.replace("n=4", "n=5"))
    assert not accepted(form=FORM | {"MessageStatus": "failed"})
    assert not accepted(form=FORM | {"More": "x"})
    assert not accepted(signature="")
    assert not accepted(signature=SIGNATURE[:-2] + "A=")
    assert not accepted(signature="é" * 28)


def test_without_a_token_nothing_is_accepted() -> None:
    signature = RequestValidator("").compute_signature(URL, FORM)
    nobody = Settings(public_url="https://crm.example.com")
    assert not is_from_twilio(nobody, query=QUERY, form=FORM, signature=signature)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "tenant=x",
        QUERY + "&more=1",
        QUERY.replace("n=4", "n=-1"),
        QUERY.replace("n=4", "n=99999999999"),
        QUERY.replace("channel=sms", "channel=fax"),
        QUERY.replace("02" * 32, "02" * 31),
        QUERY.replace("02" * 32, "zz" * 32),
    ],
)
def test_a_query_of_another_form_names_nothing(query: str) -> None:
    assert sending_of(query) is None


@pytest.mark.parametrize(
    ("form", "state"),
    [
        ({"MessageStatus": "accepted"}, "queued"),
        ({"MessageStatus": "sending"}, "sent"),
        ({"MessageStatus": "sent"}, "sent"),
        ({"MessageStatus": "delivered"}, "delivered"),
        ({"MessageStatus": "undelivered"}, "undelivered"),
        ({"MessageStatus": "failed"}, "failed"),
        ({"CallStatus": "ringing"}, "sent"),
        ({"CallStatus": "completed"}, "delivered"),
        ({"CallStatus": "no-answer"}, "undelivered"),
        ({"MessageStatus": "receiving"}, None),
        ({}, None),
    ],
)
def test_twilios_words_are_ours(form: dict[str, str], state: str | None) -> None:
    assert delivery_state(form) == state


def test_a_form_has_bounds(server: Server) -> None:
    url = f"{server.url}{PATH}"
    fields = {f"field{number}": "x" for number in range(_FORM_FIELDS_MAX)}
    assert httpx.post(url, data=fields).status_code == 403  # read, and not signed
    assert httpx.post(url, data=fields | {"more": "x"}).status_code == 400
