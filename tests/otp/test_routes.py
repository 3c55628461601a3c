"""Codes over HTTP: from the till's request to the customer's SMS and back."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from twilio.request_validator import RequestValidator

from crm_saas.kit.db import Database
from crm_saas.kit.settings import Settings
from crm_saas.otp import tasks
from crm_saas.otp.callbacks import callback_url
from crm_saas.otp.queries import Sending
from crm_saas.worker import open_queue
from factories.codes import new_mobile, send_code, wrong
from factories.customers import create_guest, create_stub
from factories.servers import Server, run_server
from factories.tenants import TestTenant, make_tenant
from otp import twilio_stand_in as twilio
from otp.twilio_stand_in import TwilioStandIn

CODE = re.compile(r"\b\d{6}\b")


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition("/")[2]


def verify(till: httpx.Client, phone: str, code: str, **body: Any) -> httpx.Response:
    return till.post("/customers/verify-otp", json={"phone": phone, "code": code} | body)


@dataclass
class Shop:
    tenant: TestTenant
    settings: Settings
    stand_in: TwilioStandIn
    owner: psycopg.Connection

    def work(self) -> None:
        async def drain() -> None:
            async with open_queue(self.settings) as queue:
                await queue.run_pending()

        asyncio.run(drain())

    def column(self, name: str) -> list[Any]:
        found = self.owner.execute(f"select {name} from sys_otp_codes order by id".encode())
        return [row[0] for row in found]


@pytest.fixture
def shop(settings: Settings, owner_connection: psycopg.Connection) -> Iterator[Shop]:
    with twilio.twilio_stand_in() as stand_in:
        settings = twilio.sending_through(stand_in, settings, public_url="https://crm.example.com")
        with run_server(settings) as server, make_tenant(server) as tenant:
            yield Shop(tenant, settings, stand_in, owner_connection)


def test_a_code_travels_by_sms_and_makes_a_full_customer(shop: Shop) -> None:
    till, phone = shop.tenant.client("pos"), new_mobile()
    sent = till.post("/customers/send-otp", json={"phone": phone})
    assert sent.status_code == 202
    assert sent.json()["purpose"] == "registration"
    assert shop.stand_in.sent == []
    shop.work()
    [message] = shop.stand_in.sent
    assert message.to == phone
    [code] = CODE.findall(message.text)
    assert shop.column("delivery_state") == ["queued"]
    report = shop.stand_in.report(message, "delivered", base_url=shop.tenant.server.url)
    assert report.status_code == 204
    assert shop.column("delivery_state") == ["delivered"]
    token = verify(till, phone, code).json()["verificationToken"]
    body = {"type": "full", "name": "Amal", "phone": phone, "verificationToken": token}
    made = till.post("/customers", json=body)
    assert made.status_code == 201
    assert made.json()["phoneVerification"]["how"] == "otp"
    assert slug(till.post("/customers", json=body)) == "otp-refused"


def test_a_status_that_twilio_did_not_sign_is_refused(shop: Shop) -> None:
    shop.tenant.client("pos").post("/customers/send-otp", json={"phone": new_mobile()})
    shop.work()
    [message] = shop.stand_in.sent
    form, url = shop.stand_in.callback(message, "delivered")
    url = url.replace("https://crm.example.com", shop.tenant.server.url)
    for headers in ({}, {"X-Twilio-Signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}):
        assert httpx.post(url, data=form, headers=headers).status_code == 403
    assert shop.column("delivery_state") == ["queued"]
    # What is signed but of no form of ours does no harm.
    message.form["StatusCallback"] = url.partition("?")[0].replace(
        shop.tenant.server.url, "https://crm.example.com"
    )
    report = shop.stand_in.report(message, "failed", base_url=shop.tenant.server.url)
    assert report.status_code < 500
    assert shop.column("delivery_state") == ["queued"]


def test_a_status_for_a_tenant_that_is_gone_is_taken(shop: Shop) -> None:
    sending = Sending(uuid4(), b"\x02" * 32, uuid4(), 0, "sms")
    url, form = callback_url(shop.settings, sending), {"MessageStatus": "delivered"}
    signature = RequestValidator(twilio.TOKEN).compute_signature(url, form)
    answer = httpx.post(
        url.replace("https://crm.example.com", shop.tenant.server.url),
        data=form,
        headers={"X-Twilio-Signature": signature},
    )
    assert answer.status_code == 204


def test_arabic_customers_read_arabic(shop: Shop) -> None:
    body = {"phone": new_mobile(), "locale": "ar"}
    shop.tenant.client("pos").post("/customers/send-otp", json=body)
    shop.work()
    [message] = shop.stand_in.sent
    assert re.search("[\u0621-\u064a]", message.text)
    assert len(message.text) <= 70


def test_fifty_parallel_wrong_codes_are_three_attempts(shop: Shop) -> None:
    till, phone = shop.tenant.client("pos"), new_mobile()
    code = send_code(shop.tenant, phone)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: verify(till, phone, wrong(code)), range(50)))
    assert Counter(map(slug, answers)) == {"otp-refused": 50}
    assert shop.column("attempts") == [3]
    assert slug(verify(till, phone, code)) == "otp-refused"
    body = {"type": "full", "name": "Amal", "phone": phone, "otpCode": code}
    assert slug(till.post("/customers", json=body)) == "otp-refused"


def test_fifty_parallel_right_codes_are_one_success(shop: Shop) -> None:
    till, phone = shop.tenant.client("pos"), new_mobile()
    code = send_code(shop.tenant, phone)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: verify(till, phone, code), range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 422: 49}
    assert shop.column("attempts") == [0]


def test_an_expired_code_is_refused_and_an_hour_later_removed(shop: Shop) -> None:
    till, phone = shop.tenant.client("pos"), new_mobile()
    code = send_code(shop.tenant, phone)
    shop.owner.execute("update sys_otp_codes set expires_at = now() - interval '1 second'")
    assert slug(verify(till, phone, code)) == "otp-refused"
    _clean_up(shop.settings)
    assert shop.column("count(*) over ()") == [1]
    shop.owner.execute("update sys_otp_codes set expires_at = now() - interval '61 minutes'")
    _clean_up(shop.settings)
    assert shop.column("id") == []


def _clean_up(settings: Settings) -> None:
    async def run() -> None:
        platform = Database(settings, "crm_platform")
        await tasks.clean_up(platform)
        await platform.close()

    asyncio.run(run())


def test_a_full_customer_by_code_alone(tenant: TestTenant) -> None:
    till, phone = tenant.client("pos"), new_mobile()
    code = send_code(tenant, phone)
    typed = code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    body = {"type": "full", "name": "Amal", "phone": phone, "otpCode": f"{typed[:3]} {typed[3:]}"}
    made = till.post("/customers", json=body)
    assert made.status_code == 201
    assert made.json()["phoneVerified"] is True
    guest = create_guest(till)
    again = body | {"otpCode": code}
    assert slug(till.post(f"/customers/{guest['id']}/upgrade", json=again)) == "otp-refused"


def test_a_stub_grows_by_code(tenant: TestTenant) -> None:
    till, phone = tenant.client("pos"), new_mobile()
    stub = create_stub(till, phone=phone)
    path = f"/customers/{stub['id']}/upgrade"
    code = send_code(tenant, phone)
    assert slug(till.post(path, json={"otpCode": wrong(code)})) == "otp-refused"
    full = till.post(path, json={"otpCode": code})
    assert full.json()["profileStatus"] == "full"


def test_full_without_proof_is_refused(tenant: TestTenant) -> None:
    till = tenant.client("pos")
    body = {"type": "full", "name": "Amal", "phone": new_mobile()}
    assert slug(till.post("/customers", json=body)) == "phone-not-verified"
    both = body | {"otpCode": "123456", "verificationToken": "x"}
    assert till.post("/customers", json=both).status_code == 422
    for token in ("", "x", "a.b.c", "é" * 100):
        assert slug(till.post("/customers", json=body | {"verificationToken": token})) in {
            "otp-refused",
            "invalid-input",
        }


def test_a_proof_is_of_one_tenant_phone_and_purpose(
    tenant: TestTenant, other_tenant: TestTenant
) -> None:
    phone = new_mobile()
    code = send_code(tenant, phone)
    token = verify(tenant.client("pos"), phone, code).json()["verificationToken"]
    body = {"type": "full", "name": "Amal", "phone": phone, "verificationToken": token}
    for till, changed in (
        (other_tenant.client("pos"), {}),
        (tenant.client("pos"), {"phone": new_mobile()}),
    ):
        assert slug(till.post("/customers", json=body | changed)) == "otp-refused"
    stub = create_stub(tenant.client("pos"))
    moved = {"phone": phone, "verificationToken": token}
    patched = tenant.client("pos").patch(f"/customers/{stub['id']}", json=moved)
    assert slug(patched) == "otp-refused"
    assert tenant.client("pos").post("/customers", json=body).status_code == 201


def test_a_request_that_fails_after_a_right_code_can_be_made_again(tenant: TestTenant) -> None:
    till, phone = tenant.client("pos"), new_mobile()
    holder = create_stub(till, phone=phone)
    code = send_code(tenant, phone)
    body = {"type": "full", "name": "Amal", "phone": phone, "otpCode": code}
    for _ in range(5):
        assert slug(till.post("/customers", json=body)) == "phone-taken"
    claimed = till.post("/customers", json=body | {"claimPhone": True})
    assert claimed.status_code == 201
    assert till.get(f"/customers/{holder['id']}").json()["phone"] is None


def test_a_minute_between_two_sendings(tenant: TestTenant) -> None:
    till, phone = tenant.client("pos"), new_mobile()
    send_code(tenant, phone)
    early = till.post("/customers/send-otp", json={"phone": phone})
    assert (early.status_code, slug(early)) == (429, "otp-sent-recently")
    assert 55 <= int(early.headers["Retry-After"]) <= 60


def test_answers_do_not_tell_who_is_known(
    tenant: TestTenant, other_tenant: TestTenant, server: Server
) -> None:
    till, known, elsewhere, unknown = tenant.client("pos"), *(new_mobile() for _ in range(3))
    create_stub(till, phone=known)
    create_stub(other_tenant.client(), phone=elsewhere)
    shapes = []
    for phone in (known, elsewhere, unknown):
        sent = till.post("/customers/send-otp", json={"phone": phone})
        refused = verify(till, phone, "000000", purpose="login")
        shapes.append(
            (
                sent.status_code,
                sorted(sent.json()),
                sent.json()["purpose"],
                sorted(set(sent.headers) - {"date"}),
                refused.status_code,
                {name: refused.json()[name] for name in ("type", "title", "detail", "errors")},
            )
        )
    assert shapes[0] == shapes[1] == shapes[2]


def test_a_customers_own_device_may_send_and_verify_and_nothing_else(tenant: TestTenant) -> None:
    device, phone = tenant.client("publishable"), new_mobile()
    assert device.post("/customers/send-otp", json={"phone": phone}).status_code == 202
    assert slug(verify(device, phone, "12345")) == "invalid-input"
    for method, path in (
        ("GET", "/customers"),
        ("POST", "/customers"),
        ("POST", "/customers/find-or-create"),
        ("GET", "/customers/export"),
        ("GET", "/audit"),
        ("GET", "/keys"),
        ("GET", "/staff"),
    ):
        assert device.request(method, path, json={} if method == "POST" else None).is_client_error


@pytest.mark.parametrize("phone", ["12", "+12025550123", "+96890012345678", "abc"])
def test_a_phone_that_is_not_served(tenant: TestTenant, phone: str) -> None:
    answer = tenant.client("pos").post("/customers/send-otp", json={"phone": phone})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["phone"]
