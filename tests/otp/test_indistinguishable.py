"""No answer and no statement tells whether a phone or an e-mail is known, here or elsewhere."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from structlog.contextvars import get_contextvars

from factories.codes import new_mobile, sent_code, wrong
from factories.customers import create_stub
from factories.sent import statements_heard
from factories.servers import Server
from factories.tenants import TestTenant

_VOLATILE = (
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    r"\d{4}-\d\d-\d\dT[\d:.]+Z",
    r"eyJ[\w.-]+",
)
_PASSING_HEADERS = {"date", "x-request-id", "ratelimit"}


# Of the caller's budget of requests, which each request spends whatever it asks.
_OF_BUDGETS = "lease_requests"


@contextmanager
def statements() -> Iterator[list[str]]:
    """What the application's role runs meanwhile, in order."""
    ran: list[str] = []

    def note(statement: str) -> None:
        # What the server does by itself now and then belongs to no request.
        is_asked = "request_id" in get_contextvars()
        if is_asked and _OF_BUDGETS not in statement:
            ran.append(statement)

    with statements_heard(note):
        yield ran


def seen(client: httpx.Client, path: str, body: dict[str, str]) -> tuple[object, ...]:
    """Status, body, headers and statements, without what differs from request to request."""
    with statements() as ran:
        answer = client.post(path, json=body)
    text = answer.text
    for pattern in _VOLATILE:
        text = re.sub(pattern, "…", text)
    headers = {n: v for n, v in answer.headers.items() if n not in _PASSING_HEADERS}
    return answer.status_code, text, tuple(sorted(headers.items())), tuple(ran)


@pytest.fixture
def phones(tenant: TestTenant, other_tenant: TestTenant) -> dict[str, str]:
    """Of a customer here, of one elsewhere, of both, and of nobody."""
    found = {who: new_mobile() for who in ("ours", "theirs", "both", "nobody")}
    for who in ("ours", "both"):
        create_stub(tenant.client("owner"), phone=found[who])
    for who in ("theirs", "both"):
        create_stub(other_tenant.client("owner"), phone=found[who])
    return found


@pytest.mark.parametrize("role", ["pos", "publishable", "owner"])
@pytest.mark.parametrize("purpose", ["registration", "login"])
def test_sending_and_verifying_tell_nothing(
    role: str, purpose: str, tenant: TestTenant, phones: dict[str, str]
) -> None:
    client = tenant.client(role)
    # Connections are warm and statements prepared before anything is compared.
    seen(client, "/customers/send-otp", {"phone": new_mobile(), "purpose": purpose})
    sent, again, verified, refused = set(), set(), set(), set()
    for phone in phones.values():
        body = {"phone": phone, "purpose": purpose}
        sent.add(seen(client, "/customers/send-otp", body))
        again.add(_without_seconds(seen(client, "/customers/send-otp", body)))
        code = sent_code(tenant, phone, purpose)
        refused.add(seen(client, "/customers/verify-otp", body | {"code": wrong(code)}))
        verified.add(seen(client, "/customers/verify-otp", body | {"code": code}))
        refused.add(seen(client, "/customers/verify-otp", body | {"code": "000000"})[:3])
    assert [answer[0] for answer in sent] == [202]
    assert [answer[0] for answer in again] == [429]
    assert [answer[0] for answer in verified] == [200]
    assert {answer[0] for answer in refused} == {422}
    assert len({answer[1:3] for answer in refused}) == 1
    assert len(next(iter(sent))[3]) > 3, "no statement was noted"  # type: ignore[arg-type]


def _without_seconds(found: tuple[object, ...]) -> tuple[object, ...]:
    """How long to wait is another second for each."""
    status, text, headers, ran = found
    assert isinstance(headers, tuple)
    kept = tuple(pair for pair in headers if pair[0] not in {"retry-after", "content-length"})
    return status, re.sub(r"\d+ seconds", "… seconds", str(text)), kept, ran


def test_a_code_that_was_never_sent_is_as_wrong_for_anybody(
    tenant: TestTenant, phones: dict[str, str]
) -> None:
    client = tenant.client("pos")
    seen(client, "/customers/verify-otp", {"phone": new_mobile(), "code": "123456"})
    answers = {
        seen(client, "/customers/verify-otp", {"phone": phone, "code": "123456"})
        for phone in phones.values()
    }
    assert [answer[0] for answer in answers] == [422]


def test_signing_in_tells_nothing_of_an_account(server: Server, tenant: TestTenant) -> None:
    known = tenant.member("owner").email
    with server.client() as client:
        answers = set()
        for email in ("warm@staff.example", known, "nobody@staff.example"):
            body = {"email": email, "password": "not the password"}
            found = seen(client, "/auth/login", body)
            if not email.startswith("warm"):
                answers.add(found)
    assert [answer[:2][0] for answer in answers] == [401], answers
