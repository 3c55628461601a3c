"""Toll fraud and harassment, for a day: what the provider is asked for stays within the budgets.

The day is faked by moving rows back in time, as they will stand when it has passed.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from assurance import Reached
from crm_saas.kit.context import Tenant
from crm_saas.kit.phones import phone_country
from crm_saas.kit.settings import Settings
from crm_saas.otp import tasks
from crm_saas.otp.budgets import LIMITS
from crm_saas.otp.errors import OtpSentRecently
from crm_saas.otp.phones import DEFAULT_COUNTRIES
from crm_saas.otp.purposes import PURPOSES
from crm_saas.otp.service import send_code
from factories.customers import create_stub
from factories.database import rows
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant
from otp import twilio_stand_in as twilio
from otp.desk import DEVICE, TILL, Desk, open_desk, refusal, tenant
from otp.twilio_stand_in import TwilioStandIn
from sizes import sized

pytestmark = pytest.mark.anyio

HOURS = sized(short=4, long=24)
TRIES_AN_HOUR = 8
FOREIGN_NUMBERS = sized(short=300, long=10_000)
DEAR = ("PREMIUM_RATE", "SHARED_COST", "UAN", "VOICEMAIL", "PAGER")
MOST = {limit.kind: limit.limit for limit in LIMITS}


@pytest.fixture
def stand_in() -> Iterator[TwilioStandIn]:
    with twilio.twilio_stand_in() as running:
        yield running


@pytest.fixture
async def desk(settings: Settings, stand_in: TwilioStandIn) -> AsyncIterator[Desk]:
    async with open_desk(twilio.sending_through(stand_in, settings)) as desk:
        yield desk


async def deliver(desk: Desk, tenants: dict[UUID, Tenant]) -> None:
    """Runs what is queued, as the worker does."""
    for args, tenant_id in desk.rows(
        "select args, (args ->> 'tenant_id')::uuid from jobs.procrastinate_jobs order by id"
    ):
        async with desk.request(tenants[tenant_id]) as context:
            await tasks.deliver(
                context,
                UUID(args["challenge_id"]),
                args["phone_hash"],
                args["send_counter"],
                args["channel"],
            )
    desk.owner.execute("delete from jobs.procrastinate_jobs")


def an_hour_passes(desk: Desk) -> None:
    """The windows of an hour end; those of the day go on."""
    desk.owner.execute(
        "delete from sys_otp_budgets"
        " where kind like '%hour' and window_start < date_trunc('hour', now(), 'UTC')"
    )
    desk.owner.execute(
        "update sys_otp_budgets set window_start = window_start - interval '1 hour'"
        " where kind like '%hour'"
    )
    desk.owner.execute("update sys_otp_codes set last_sent_at = last_sent_at - interval '1 hour'")


def windows(desk: Desk, kind: str) -> int:
    """Two where midnight (UTC) passed meanwhile."""
    found = desk.rows(
        "select count(distinct window_start)::int from sys_otp_budgets where kind = %s", kind
    )
    return max(1, int(found[0][0]))


async def test_a_day_of_resending_stays_within_the_budgets(
    desk: Desk, stand_in: TwilioStandIn, reached: Reached
) -> None:
    chance = random.Random(7)  # noqa: S311 - repeatable
    shops = [desk.tenant, desk.other_tenant, tenant("Nizwa Books")]
    known = {shop.id: shop for shop in shops}
    phones = ["+96890123456", "+96890123457", "+96899876543"]
    tried = 0
    for _ in range(HOURS):
        before = Counter(message.to for message in stand_in.sent)
        for phone in phones * TRIES_AN_HOUR:
            shop, purpose = chance.choice(shops), chance.choice(PURPOSES)
            actor = chance.choice([TILL, DEVICE])
            address = f"203.0.{chance.randrange(256)}.{chance.randrange(256)}"
            async with desk.request(shop, actor, address) as context:
                answer = await send_code(context, phone=phone, purpose=purpose)
            assert answer.resend_at, "what is withheld looks like success"
            await deliver(desk, known)
            desk.minute_passes()
            tried += 1
        sent = Counter(message.to for message in stand_in.sent)
        assert all(sent[p] - before[p] <= MOST["phone_send_hour"] for p in phones)
        an_hour_passes(desk)
    allowed = MOST["phone_send_day"] * windows(desk, "phone_send_day")
    assert {phone: sent[phone] for phone in phones} == dict.fromkeys(phones, allowed)
    reached("codes asked for in a faked day", tried)
    reached("codes sent in a faked day", sum(sent.values()))


async def test_a_block_of_numbers_gets_no_more_than_its_budget(
    desk: Desk, stand_in: TwilioStandIn, reached: Reached
) -> None:
    """Fraud rents blocks: each number once, from several tenants."""
    shops = [desk.tenant, desk.other_tenant]
    known = {shop.id: shop for shop in shops}
    most = MOST["prefix_send_hour"]
    for index in range(most + 20):
        await desk.send(f"+9689012{index:04d}", tenant=shops[index % 2])
    await deliver(desk, known)
    assert len(stand_in.sent) == most * windows(desk, "prefix_send_hour")
    await desk.send("+96895550000")
    await deliver(desk, known)
    assert stand_in.sent[-1].to == "+96895550000", "another block is not held up"
    reached("codes asked for in a faked day", most + 21)


async def test_one_network_gets_no_more_than_its_budget(
    desk: Desk, stand_in: TwilioStandIn
) -> None:
    most = MOST["address_send_hour"]
    for index in range(most + 10):
        phone = f"+9689{2 + index % 8}{index:06d}"
        await desk.send(phone, actor=DEVICE, address=f"198.51.100.{index}")
    await deliver(desk, {desk.tenant.id: desk.tenant})
    assert len(stand_in.sent) == most * windows(desk, "address_send_hour")


async def test_one_phone_gets_one_code_a_minute(desk: Desk) -> None:
    """Whatever it is for."""
    await desk.send()
    for purpose in PURPOSES:
        with pytest.raises(OtpSentRecently):
            async with desk.request() as context:
                await send_code(context, phone="90123456", purpose=purpose)
    assert desk.used("phone_send_hour") == 1


async def test_ten_thousand_foreign_and_dear_numbers_cost_nothing(
    desk: Desk, stand_in: TwilioStandIn, reached: Reached
) -> None:
    numbers = foreign_and_dear(FOREIGN_NUMBERS)
    answers = Counter[str]()
    for index, number in enumerate(numbers):
        answer = await refusal(desk.send(number, actor=[TILL, DEVICE][index % 2]))
        assert isinstance(answer, str), f"sent to {number}"
        answers[answer] += 1
    assert answers.keys() == {"phone-not-served"}
    assert stand_in.requests == 0
    for table in ("sys_otp_codes", "sys_otp_budgets", "jobs.procrastinate_jobs"):
        assert desk.rows(f"select count(*) from {table}") == [(0,)], table
    reached("numbers of unserved countries and dear kinds", len(numbers))


def foreign_and_dear(count: int) -> list[str]:
    """Valid numbers: mobiles where no codes go, and dear ones everywhere, at home too."""
    chance = random.Random(11)  # noqa: S311 - repeatable
    examples = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        kinds = list(DEAR) if region in DEFAULT_COUNTRIES else ["MOBILE", "FIXED_LINE", *DEAR]
        for kind in kinds:
            example = phonenumbers.example_number_for_type(region, getattr(PhoneNumberType, kind))
            if example is not None and not _is_served(example):
                examples.append(example)
    found: dict[str, None] = {}
    while len(found) < count:
        number = phonenumbers.PhoneNumber()
        number.merge_from(chance.choice(examples))
        digits = phonenumbers.national_significant_number(number)
        changed = digits[:-4] + "".join(chance.choice("0123456789") for _ in digits[-4:])
        e164 = f"+{number.country_code}{changed}"
        parsed = phonenumbers.parse(e164, None)
        if phonenumbers.is_valid_number(parsed) and not _is_served(parsed):
            found[e164] = None
    return list(found)


def _is_served(number: phonenumbers.PhoneNumber) -> bool:
    dear = {getattr(PhoneNumberType, kind) for kind in DEAR}
    home = phonenumbers.region_code_for_number(number) in DEFAULT_COUNTRIES
    return home and phonenumbers.number_type(number) not in dear


def test_a_number_that_is_not_served_is_refused_alike_known_or_not(
    tenant: TestTenant, other_tenant: TestTenant
) -> None:
    numbers = [number for number in foreign_and_dear(1_000) if phone_country(number) == "KE"]
    known, theirs, unknown = numbers[:3]
    create_stub(tenant.client("owner"), phone=known)
    create_stub(other_tenant.client("owner"), phone=theirs)
    seen = set()
    for phone in (known, theirs, unknown):
        answer = tenant.client("pos").post("/customers/send-otp", json={"phone": phone})
        body = answer.json() | {"requestId": ""}
        seen.add((answer.status_code, str(body), tuple(answer.headers)))
    assert len(seen) == 1
    assert "phone-not-served" in next(iter(seen))[1]


def test_made_up_addresses_share_one_budget(fresh_server: Server) -> None:
    """Nobody between us and the device is trusted, whatever its headers say."""
    most = MOST["address_send_hour"]
    with make_tenant(fresh_server) as shop:
        for index in range(most + 5):
            made_up = {"X-Forwarded-For": f"203.0.{index}.9", "X-Real-IP": f"198.51.{index}.1"}
            answer = shop.client("publishable").post(
                "/customers/send-otp",
                json={"phone": f"9{2 + index % 8}{index:06d}"},
                headers=made_up,
            )
            assert answer.status_code == 202, answer.text  # a shared budget is never shown
    query = "select count(*) from sys_otp_codes where not withheld"
    assert rows(fresh_server.settings, query) == [(most,)]
