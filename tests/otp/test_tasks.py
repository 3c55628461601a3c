from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import psycopg
import pytest

from crm_saas.kit.settings import Settings
from crm_saas.otp import tasks
from crm_saas.otp.callbacks import sending_of
from crm_saas.otp.purposes import Locale
from crm_saas.otp.queries import Sending
from crm_saas.otp.service import send_code
from crm_saas.otp.tasks import ProviderBusy
from otp import twilio_stand_in as twilio
from otp.desk import PHONE, Desk, open_desk
from otp.twilio_stand_in import Fault, TwilioStandIn

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stand_in() -> Iterator[TwilioStandIn]:
    with twilio.twilio_stand_in() as running:
        yield running


@pytest.fixture
async def desk(settings: Settings, stand_in: TwilioStandIn) -> AsyncIterator[Desk]:
    settings = twilio.sending_through(
        stand_in, settings, otp_channels=("sms", "voice"), otp_countries=("OM", "US")
    )
    async with open_desk(settings) as desk:
        yield desk


async def work(desk: Desk) -> int:
    """Runs what is queued, as the worker does, and returns how many; a failed job stays."""
    queued = desk.rows("select id, args from jobs.procrastinate_jobs order by id")
    for number, args in queued:
        async with desk.request() as context:
            await tasks.deliver(
                context,
                UUID(args["challenge_id"]),
                args["phone_hash"],
                args["send_counter"],
                args["channel"],
            )
        desk.owner.execute("delete from jobs.procrastinate_jobs where id = %s", [number])
    return len(queued)


async def report(desk: Desk, sending: Sending, state: str) -> None:
    async with desk.request() as context:
        await tasks.note_delivery(context, sending, state)


def sending(stand_in: TwilioStandIn) -> Sending:
    found = sending_of(stand_in.sent[-1].form["StatusCallback"].partition("?")[2])
    assert found is not None
    return found


def delivery(desk: Desk) -> list[tuple[str, str]]:
    found = desk.rows("select channel, delivery_state from sys_otp_codes order by id")
    return [(channel, state) for channel, state in found]


@pytest.mark.parametrize(("locale", "business"), [("en", "Muscat Coffee"), ("ar", "قهوة مسقط")])
async def test_the_code_reaches_the_phone(
    desk: Desk, stand_in: TwilioStandIn, locale: Locale, business: str
) -> None:
    async with desk.request() as context:
        await send_code(context, phone=PHONE, purpose="registration", locale=locale)
    assert await work(desk) == 1
    [sent] = stand_in.sent
    assert sent.to == PHONE
    assert sent.text.startswith(desk.code())
    assert business in sent.text
    assert delivery(desk) == [("sms", "queued")]
    assert desk.column("provider_id") == [sent.sid]


async def test_a_job_that_runs_twice_sends_once(desk: Desk, stand_in: TwilioStandIn) -> None:
    await desk.send()
    [job] = desk.rows("select id, args from jobs.procrastinate_jobs")
    await work(desk)
    arguments = psycopg.types.json.Json(job[1])
    desk.owner.execute(
        "insert into jobs.procrastinate_jobs (queue_name, task_name, args)"
        " values ('otp', 'otp.deliver', %s)",
        [arguments],
    )
    assert await work(desk) == 1
    assert len(stand_in.sent) == 1


async def test_a_sending_that_was_overtaken_is_not_sent(
    desk: Desk, stand_in: TwilioStandIn
) -> None:
    await desk.send()
    desk.minute_passes()
    await desk.send()
    assert await work(desk) == 2
    assert [sent.text.split()[0] for sent in stand_in.sent] == [desk.code()]


async def test_nothing_is_sent_for_a_code_that_was_used_or_has_expired(
    desk: Desk, stand_in: TwilioStandIn
) -> None:
    await desk.send()
    await desk.send("+96890123457")
    await desk.verify(desk.code())
    desk.owner.execute("update sys_otp_codes set expires_at = now() where verified_at is null")
    assert await work(desk) == 2
    assert stand_in.sent == []


async def test_what_is_withheld_is_queued_like_any_other_and_not_sent(
    desk: Desk, stand_in: TwilioStandIn
) -> None:
    await desk.send()
    desk.use_up("phone_send_hour", 5)
    desk.minute_passes()
    await desk.send()
    assert await work(desk) == 2
    assert stand_in.requests == 0


async def test_a_busy_provider_is_asked_again(desk: Desk, stand_in: TwilioStandIn) -> None:
    stand_in.fail(Fault(503))
    await desk.send()
    with pytest.raises(ProviderBusy):
        await work(desk)
    assert delivery(desk) == [("sms", "waiting")]
    assert await work(desk) == 1
    assert delivery(desk) == [("sms", "queued")]
    assert len(stand_in.sent) == 1


async def test_what_may_have_been_sent_is_not_sent_again(
    desk: Desk, stand_in: TwilioStandIn
) -> None:
    stand_in.fail(Fault(hang_up=True))
    await desk.send()
    await work(desk)
    assert delivery(desk) == [("sms", "unknown")]
    assert await work(desk) == 0
    assert len(stand_in.sent) == 1
    await report(desk, sending(stand_in), "delivered")
    assert delivery(desk) == [("sms", "delivered")]


async def test_a_refused_sms_becomes_a_call(desk: Desk, stand_in: TwilioStandIn) -> None:
    await desk.send(twilio.NOT_MOBILE)
    await work(desk)
    assert delivery(desk) == [("voice", "waiting")]
    await work(desk)
    [sent] = stand_in.sent
    assert sent.kind == "Calls"
    assert ", ".join(desk.code(twilio.NOT_MOBILE)) in sent.text


async def test_an_undelivered_sms_becomes_one_call_however_often_it_is_reported(
    desk: Desk, stand_in: TwilioStandIn
) -> None:
    await desk.send()
    await work(desk)
    first = sending(stand_in)
    for state in ("sent", "undelivered", "failed", "undelivered", "delivered"):
        await report(desk, first, state)
    assert delivery(desk) == [("voice", "waiting")]
    assert await work(desk) == 1
    assert [sent.kind for sent in stand_in.sent] == ["Messages", "Calls"]
    await report(desk, sending(stand_in), "undelivered")
    assert await work(desk) == 0
    assert delivery(desk) == [("voice", "undelivered")]


async def test_reports_only_lead_forward(desk: Desk, stand_in: TwilioStandIn) -> None:
    await desk.send()
    await work(desk)
    for state, expected in [
        ("sent", "sent"),
        ("queued", "sent"),
        ("delivered", "delivered"),
        ("undelivered", "delivered"),
        ("sent", "delivered"),
    ]:
        await report(desk, sending(stand_in), state)
        assert delivery(desk) == [("sms", expected)]


async def test_a_report_of_an_older_sending_changes_nothing(
    desk: Desk, stand_in: TwilioStandIn
) -> None:
    await desk.send()
    await work(desk)
    older = sending(stand_in)
    desk.minute_passes()
    await desk.send()
    await report(desk, older, "undelivered")
    assert delivery(desk) == [("sms", "waiting")]
