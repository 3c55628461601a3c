"""Secrets and people are planted in requests to every operation, then looked for wherever the
product tells of itself: its log, its traces, its metrics, its job queue, its refusals, and the
log of PostgreSQL.
"""

import asyncio
import json
import logging
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg

from crm_saas.kit.settings import Settings
from crm_saas.otp.purposes import PURPOSES
from crm_saas.worker import open_queue
from factories.belongings import PASSWORD, Belongings, Thing, furnish
from factories.codes import sent_code
from factories.comparing import enqueue_comparisons
from factories.servers import run_server
from factories.tenants import TestTenant, make_tenant
from factories.watching import exported_spans, production_log_lines
from otp import twilio_stand_in as twilio
from policies.test_routes import OF_STAFF, OPERATIONS, calls

PHONE = "+96891837465"
EMAIL = "canary.mail.7f3a@example.com"
NAME = "Zzcanarina Qxbirdsong"
WRONG_PASSWORD = "canary-password-5d1e"
MADE_UP_KEY = "crm_sk_canary0key0that0nobody0has0made"
IDEMPOTENCY_KEY = "canary-idempotency-key-91c2"
WRONG_CODE = "918273"
METRICS_TOKEN = "canary-metrics-token-33e8"
# What no log line would hold by chance.
NAMES = ("zzcanarina", "qxbirdsong")
PEOPLE = ("9183746", "canary.mail.7f3a", *NAMES)
SECRETS = (
    WRONG_PASSWORD,
    PASSWORD,
    MADE_UP_KEY,
    IDEMPOTENCY_KEY,
    METRICS_TOKEN,
    twilio.TOKEN,
)


@dataclass
class Stage:
    """A tenant whose customers and staff are canaries, and what it was told."""

    tenant: TestTenant
    own: Belongings
    secrets: set[str] = field(default_factory=lambda: set(SECRETS))
    codes: set[str] = field(default_factory=set)
    refusals: list[tuple[str, httpx.Response]] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)

    def send(self, client: httpx.Client, method: str, url: str, **sent: Any) -> httpx.Response:
        headers = {"Idempotency-Key": IDEMPOTENCY_KEY, **sent.pop("headers", {})}
        answer = client.request(method, url, headers=headers, **sent)
        if answer.status_code >= 400:
            self.refusals.append((f"{method} {url} {sent}", answer))
        return answer

    def things(self) -> Thing:
        """Things of the tenant's own, but people are canaries."""
        own = self.own.new()
        people = {"phone": PHONE, "email": EMAIL}

        def thing(kind: str) -> str:
            if kind == "fresh":
                return f"{NAME} {secrets.token_hex(4)}"
            return people.get(kind) or own(kind)

        return thing

    def signed_in(self) -> httpx.Client:
        client = self.own.signed_in()
        self.secrets.add(client.headers["authorization"].removeprefix("Bearer "))
        return client


def found(stage: Stage, text: str, *, people: bool = True) -> list[str]:
    """The canaries in it. A code is six digits, so it counts only where it stands alone."""
    low = text.lower()
    seen = [secret for secret in stage.secrets if secret.lower() in low]
    seen += [code for code in stage.codes if re.search(rf"(?<![\w.-]){code}(?![\w.-])", text)]
    return seen + ([person for person in PEOPLE if person in low] if people else [])


def test_what_is_planted_is_told_nowhere(
    settings: Settings,
    server_log: Path | None,
    owner_connection: psycopg.Connection,
    reached: Callable[[str, int], None],
) -> None:
    log_start = server_log.stat().st_size if server_log else 0
    with (
        twilio.twilio_stand_in() as provider,
        production_log_lines(logging.DEBUG) as log,
        exported_spans() as spans,
        run_server(production_like(settings, provider)) as server,
        make_tenant(server) as tenant,
    ):
        stage = Stage(tenant, furnish(tenant, NAME))
        stage.secrets.add(tenant.client().headers["authorization"].removeprefix("Bearer "))
        work = partial(run_jobs, stage, server.settings, owner_connection)
        verify_phone(stage, provider, work)
        sign_in_and_out(stage)
        asked = 0
        for operation in OPERATIONS:
            for client, sent in requests_of(stage, operation):
                stage.send(client, **sent)
                asked += 1
        work()
        asked += break_the_database(stage, owner_connection)
        page = httpx.get(
            f"{server.url}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}
        ).text
    places = {
        "the log": log.getvalue(),
        "the traces": "\n".join(span.to_json() for span in spans.get_finished_spans()),
        "the metrics": page,
        "the job queue": "\n".join(stage.queued),
        "PostgreSQL's log": server_log.read_bytes()[log_start:].decode() if server_log else "",
    }
    for place, text in places.items():
        assert found(stage, text) == [], f"in {place}: {lines_with(stage, text)}"
    for sent, answer in stage.refusals:
        # Who has a phone is told by name to a colleague who may know (SPEC 2.3).
        said = set(found(stage, answer.text)) - set(NAMES)
        own = set(found(stage, sent)) & set(PEOPLE)
        assert said <= own, f"{sent} was answered {answer.text}"
    assert {answer.status_code for _, answer in stage.refusals} >= {400, 401, 404, 409, 422, 500}
    for place, sign in {
        "the log": '"event": "request failed"',
        "the traces": "db.query.text",
        "the metrics": "crm_http_requests_total",
        "the job queue": "otp.deliver",
        "PostgreSQL's log": "ERROR" if server_log else "",
    }.items():
        assert sign in places[place], f"{place} tells nothing"
    reached("requests with planted canaries", asked)


def production_like(settings: Settings, provider: twilio.TwilioStandIn) -> Settings:
    return twilio.sending_through(
        provider, settings, metrics_token=METRICS_TOKEN, otp_channels=("sms", "voice")
    )


def run_jobs(stage: Stage, settings: Settings, owner: psycopg.Connection) -> None:
    """Reads the queue, runs it, and reads what is left."""

    async def drain() -> None:
        await enqueue_comparisons(settings)
        async with open_queue(settings) as queue:
            with suppress(ExceptionGroup):  # parked on purpose
                await queue.run_pending()

    for act in (lambda: None, lambda: asyncio.run(drain())):
        act()
        for table in ("jobs", "events", "periodic_defers"):
            rows = owner.execute(f"select t::text from jobs.procrastinate_{table} t".encode())
            stage.queued += [row for (row,) in rows]


def verify_phone(stage: Stage, provider: twilio.TwilioStandIn, work: Callable[[], None]) -> None:
    """Codes sent, refused by the provider, mistyped, right, and their proofs used."""
    client = stage.tenant.client()
    faults = [
        None,
        twilio.Fault(500),
        twilio.Fault(400, 21211),
        twilio.Fault(silent=False, body=b"{"),
    ]
    for number, (purpose, fault) in enumerate(zip(PURPOSES, faults, strict=True)):
        if fault:
            provider.fail(fault)
        phone = f"{PHONE[:-1]}{number}"
        body = {"phone": phone, "purpose": purpose}
        key = {"Idempotency-Key": f"{IDEMPOTENCY_KEY}-{number}"}
        asked = stage.send(client, "POST", "/customers/send-otp", json=body, headers=key)
        assert asked.status_code == 202, asked.text
        code = sent_code(stage.tenant, phone, purpose)
        stage.codes |= {code, WRONG_CODE}
        work()
        for typed in (WRONG_CODE, code):
            tried = body | {"code": typed}
            headers = {"Idempotency-Key": f"{IDEMPOTENCY_KEY}-{typed}"}
            answer = stage.send(
                client, "POST", "/customers/verify-otp", json=tried, headers=headers
            )
        assert answer.status_code == 200, answer.text
        token = answer.json()["verificationToken"]
        stage.secrets.add(token)
        sent = {"type": "stub", "name": NAME, "phone": phone, "verificationToken": token}
        stage.send(client, "POST", "/customers", json=sent, headers={"Idempotency-Key": token[:40]})
    form = {"MessageSid": "SM0", "MessageStatus": "failed", "To": PHONE}
    url = f"{stage.tenant.server.url}/api/v1/otp/callbacks/twilio"
    stage.send(client, "POST", url, data=form, headers={"X-Twilio-Signature": WRONG_PASSWORD})


def sign_in_and_out(stage: Stage) -> None:
    with stage.tenant.server.client() as anonymous:
        for email in (stage.own.staff_email, EMAIL):
            body = {"email": email, "password": WRONG_PASSWORD}
            assert stage.send(anonymous, "POST", "/auth/login", json=body).status_code == 401
    for credential in (MADE_UP_KEY, WRONG_PASSWORD):
        with stage.tenant.server.client(credential) as stranger:
            assert stage.send(stranger, "GET", "/customers").status_code == 401
    stage.signed_in()
    made = stage.send(stage.tenant.client(), "POST", "/keys", json={"name": NAME, "role": "pos"})
    stage.secrets.add(made.json()["key"])


Request = tuple[httpx.Client, dict[str, Any]]


def requests_of(stage: Stage, operation: str) -> Iterator[Request]:
    """The operation's every call as it should be, and the plainest spoilt in several ways."""
    for number, call in enumerate(calls(operation)):
        client = stage.signed_in() if operation in OF_STAFF else stage.tenant.client()
        sent = call.fill(stage.things())
        if not call.path.startswith("/api/v1"):
            sent["url"] = stage.tenant.server.url + call.path
        yield client, sent
        if number == 0:
            yield from ((client, spoilt) for spoilt in spoil(sent))


def spoil(sent: dict[str, Any]) -> Iterator[dict[str, Any]]:
    mark = f"{NAME} {PHONE} {EMAIL}"
    yield sent | {"params": {**sent["params"], "search": PHONE, "cursor": EMAIL, "limit": NAME}}
    yield sent | {"url": re.sub(r"[0-9a-f-]{36}", NAME, sent["url"])}
    body = sent.get("json")
    if not isinstance(body, dict):
        return
    plain = {name: part for name, part in sent.items() if name != "json"}
    yield sent | {"json": body | {NAME: mark}}
    yield sent | {"json": {name: [mark] for name in body}}
    yield sent | {"json": dict.fromkeys(body, mark)}
    yield sent | {"json": {name: f"{part}\u0000" for name, part in body.items()}}
    content = json.dumps(body | {"note": mark})
    yield plain | {"content": content[:-3], "headers": {"Content-Type": "application/json"}}
    yield plain | {
        "content": content,
        "headers": {"Content-Type": f"text/plain; {IDEMPOTENCY_KEY}"},
    }


def break_the_database(stage: Stage, owner: psycopg.Connection) -> int:
    """What no request should meet: rows that the database refuses, columns that are gone."""
    faults = (
        "alter table org_customers_mst add constraint no_canary_ck check (name is null) not valid",
        "alter table org_customers_mst rename column notes to notes_gone",
        "alter table org_events rename column salt to salt_gone",
    )
    operations = ("create_customer", "list_customers", "find_or_create_customer", "log_in")
    requests = [request for name in operations for request in requests_of(stage, name)]
    for fault in faults:
        owner.execute(fault.encode())
        for number, (client, sent) in enumerate(requests):
            # Another key, or the answer from before would be given again.
            key = {"Idempotency-Key": f"{IDEMPOTENCY_KEY}-{faults.index(fault)}-{number}"}
            stage.send(client, **sent | {"headers": sent.get("headers", {}) | key})
    return len(faults) * len(requests)


def lines_with(stage: Stage, text: str) -> list[str]:
    return [line[:1000] for line in text.splitlines() if found(stage, line)][:5]
