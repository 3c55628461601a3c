"""A stand-in of Twilio's HTTP API: a real server on loopback that the real client talks to.

It checks credentials and parameters, keeps what was sent, refuses Twilio's magic test numbers with
their error codes, misbehaves when told to, and reports by signed callbacks when told to.
https://www.twilio.com/docs/messaging/api/message-resource
https://www.twilio.com/docs/iam/test-credentials
"""

import json
import secrets
import threading
from base64 import b64encode
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit
from xml.etree import ElementTree as ET

import httpx
from twilio.request_validator import RequestValidator

from crm_saas.kit.settings import Settings

ACCOUNT = "AC" + "0" * 32
TOKEN = "stand-in-auth-token"
MESSAGING_SERVICE = "MG" + "0" * 32
TEMPLATE = "HX" + "0" * 32
FROM = "+15005550006"

INVALID = "+15005550001"
UNROUTABLE = "+15005550002"
NOT_PERMITTED = "+15005550003"
BLOCKED = "+15005550004"
NOT_MOBILE = "+15005550009"

_MESSAGE_ERRORS = {
    INVALID: (21211, f"Invalid 'To' Phone Number: {INVALID}"),
    UNROUTABLE: (21612, "Message cannot be sent with the current combination of 'To' and 'From'"),
    NOT_PERMITTED: (21408, "Permission to send an SMS has not been enabled for the region"),
    BLOCKED: (21610, "Attempt to send to unsubscribed recipient"),
    NOT_MOBILE: (21614, f"'To' number is not a valid mobile number: {NOT_MOBILE}"),
}
_CALL_ERRORS = {
    INVALID: (21217, f"Phone number {INVALID} does not appear to be valid"),
    UNROUTABLE: (21214, "'To' phone number cannot be reached"),
    NOT_PERMITTED: (21215, "Account not authorized to call"),
    BLOCKED: (21216, "Account not allowed to call"),
}


@dataclass
class Fault:
    """What the next request meets: an answer, or silence."""

    status: int = 500
    code: int | None = None
    silent: bool = False
    """Takes the message and never answers."""
    hang_up: bool = False
    """Takes the message and drops the connection."""
    body: bytes | None = None


@dataclass
class Sent:
    """One message or call, with the parameters as they came."""

    sid: str
    kind: str
    form: dict[str, str]
    status: str = "queued"

    @property
    def to(self) -> str:
        return self.form["To"]

    @property
    def text(self) -> str:
        """What the customer reads or hears."""
        if self.kind == "Messages":
            return self.form.get("Body", "")
        script = ET.fromstring(self.form["Twiml"])  # noqa: S314 - our own
        return " ".join(say.text or "" for say in script.iter("Say"))


@dataclass
class TwilioStandIn:
    base_url: str = ""
    sent: list[Sent] = field(default_factory=list)
    requests: int = 0
    faults: deque[Fault] = field(default_factory=deque)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, fault: Fault, times: int = 1) -> None:
        self.faults.extend([fault] * times)

    def report(self, sent: Sent, status: str, *, base_url: str | None = None) -> httpx.Response:
        """Posts the status callback as Twilio signs it; `base_url` is where it really goes."""
        sent.status = status
        form, url = self.callback(sent, status)
        signature = RequestValidator(TOKEN).compute_signature(url, form)
        if base_url is not None:
            there = urlsplit(base_url)
            url = urlunsplit(urlsplit(url)._replace(scheme=there.scheme, netloc=there.netloc))
        return httpx.post(url, data=form, headers={"X-Twilio-Signature": signature}, timeout=10)

    def callback(self, sent: Sent, status: str) -> tuple[dict[str, str], str]:
        """Form and URL of a status callback."""
        common = {"AccountSid": ACCOUNT, "To": sent.to, "From": FROM, "ApiVersion": "2010-04-01"}
        if sent.kind == "Calls":
            form = {"CallSid": sent.sid, "CallStatus": status, **common}
        else:
            form = {
                "MessageSid": sent.sid,
                "MessageStatus": status,
                "SmsSid": sent.sid,
                "SmsStatus": status,
                **common,
            }
        return form, sent.form["StatusCallback"]

    def create(self, kind: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if refusal := _refusal(kind, form):
            return 400, _error(400, *refusal)
        prefix = "SM" if kind == "Messages" else "CA"
        sent = Sent(prefix + secrets.token_hex(16), kind, form)
        with self.lock:
            self.sent.append(sent)
        return 201, _resource(sent)

    def find(self, sid: str) -> tuple[int, dict[str, Any]]:
        with self.lock:
            found = [sent for sent in self.sent if sent.sid == sid]
        if not found:
            return 404, _error(404, 20404, f"The requested resource {sid} was not found")
        return 200, _resource(found[0])


def sending_through(stand_in: "TwilioStandIn", settings: Settings, **changes: Any) -> Settings:
    """The settings of a process that sends its codes there."""
    return replace(
        settings,
        otp_sender="twilio",
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        twilio_from=FROM,
        twilio_base_url=stand_in.base_url,
        **changes,
    )


@contextmanager
def twilio_stand_in() -> Iterator[TwilioStandIn]:
    twilio = TwilioStandIn()

    class Handler(_Handler):
        stand_in = twilio

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    twilio.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield twilio
    finally:
        twilio.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    stand_in: TwilioStandIn
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        pairs = parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True)
        if (path := self._authorized_path()) is None:
            return
        with self.stand_in.lock:
            self.stand_in.requests += 1
            fault = self.stand_in.faults.popleft() if self.stand_in.faults else None
        if path not in {"Messages.json", "Calls.json"}:
            self._answer(404, _error(404, 20404, f"The requested resource {path} was not found"))
        elif fault is None or fault.silent or fault.hang_up:
            answer = self.stand_in.create(path.removesuffix(".json"), dict(pairs))
            self._answer_or_not(fault, *answer)
        elif fault.body is not None:
            self._send(fault.status, fault.body)
        else:
            self._answer(fault.status, _error(fault.status, fault.code or 20500, "scripted fault"))

    def do_GET(self) -> None:
        if (path := self._authorized_path()) is not None:
            self._answer(*self.stand_in.find(path.rpartition("/")[2].removesuffix(".json")))

    def _authorized_path(self) -> str | None:
        """The path below the account; None when the request was refused already."""
        expected = "Basic " + b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if self.headers.get("Authorization") != expected:
            self._answer(401, _error(401, 20003, "Authenticate"))
            return None
        return self.path.removeprefix(f"/2010-04-01/Accounts/{ACCOUNT}/")

    def _answer_or_not(self, fault: Fault | None, status: int, body: dict[str, Any]) -> None:
        if fault is None:
            self._answer(status, body)
            return
        self.close_connection = True
        if fault.silent:
            self.stand_in.released.wait(30)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self._send(status, json.dumps(body).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        pass


def _refusal(kind: str, form: dict[str, str]) -> tuple[int, str] | None:
    to = form.get("To", "")
    if not to:
        return (21604, "A 'To' phone number is required.")
    if kind == "Calls":
        if not (form.get("Twiml") or form.get("Url")):
            return (21205, "Url parameter is required.")
        return _CALL_ERRORS.get(to)
    if not (form.get("From") or form.get("MessagingServiceSid")):
        return (21603, "A 'From' phone number is required.")
    if not (form.get("Body") or form.get("ContentSid")):
        return (21619, "A text message body or media urls must be specified.")
    if len(form.get("Body", "")) > 1600:
        return (21617, "The concatenated message body exceeds the 1600 character limit")
    if to.startswith("whatsapp:") != form.get("From", "").startswith("whatsapp:"):
        return (63007, "Could not find a Channel with the specified From address")
    if not 1 <= int(form.get("ValidityPeriod", "36000")) <= 36000:
        return (21626, "Validity period is out of range")
    return _MESSAGE_ERRORS.get(to.removeprefix("whatsapp:"))


def _error(status: int, code: int, message: str) -> dict[str, Any]:
    return {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


def _resource(sent: Sent) -> dict[str, Any]:
    now = format_datetime(datetime.now(UTC))
    return {
        "sid": sent.sid,
        "account_sid": ACCOUNT,
        "to": sent.to,
        "from": sent.form.get("From"),
        "body": sent.form.get("Body"),
        "status": sent.status,
        "direction": "outbound-api",
        "date_created": now,
        "date_updated": now,
        "date_sent": None,
        "error_code": None,
        "error_message": None,
        "num_segments": "1",
        "api_version": "2010-04-01",
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/{sent.kind}/{sent.sid}.json",
    }
