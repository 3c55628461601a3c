import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.settings import Settings
from crm_saas.otp import budgets, tasks
from crm_saas.otp.errors import OtpBudgetExhausted, OtpSentRecently
from crm_saas.otp.purposes import PURPOSES, Purpose
from crm_saas.otp.service import SentCode, VerifiedCode, redeem, send_code
from otp.desk import DEVICE, PHONE, Desk, open_desk, refusal

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    async with open_desk(settings) as desk:
        yield desk


def kinds(answers: Iterable[object]) -> Counter[str]:
    return Counter(a if isinstance(a, str) else type(a).__name__ for a in answers)


async def verified(desk: Desk) -> VerifiedCode:
    await desk.send()
    return await desk.verify(desk.code())


async def test_a_code_is_verified_and_its_proof_redeemed_once(desk: Desk) -> None:
    proof = await verified(desk)
    answers = await asyncio.gather(*[refusal(desk.redeem(token=proof.token)) for _ in range(20)])
    assert kinds(answers) == {"UUID": 1, "otp-refused": 19}


async def test_a_code_is_redeemed_directly_once(desk: Desk) -> None:
    await desk.send()
    code = desk.code()
    answers = await asyncio.gather(*[refusal(desk.redeem(code=code)) for _ in range(20)])
    assert kinds(answers) == {"UUID": 1, "otp-refused": 19}


async def test_no_code_and_no_phone_is_at_rest(desk: Desk) -> None:
    await desk.send()
    at_rest = str(desk.rows("select * from sys_otp_codes"))
    at_rest += str(desk.rows("select * from sys_otp_budgets"))
    at_rest += str(desk.rows("select args from jobs.procrastinate_jobs"))
    assert desk.code() not in at_rest
    assert PHONE.removeprefix("+968") not in at_rest


async def test_fifty_parallel_wrong_codes_are_three_attempts(desk: Desk) -> None:
    await desk.send()
    wrong = desk.wrong_code()
    answers = await asyncio.gather(*[refusal(desk.verify(wrong)) for _ in range(50)])
    assert kinds(answers) == {"otp-refused": 50}
    assert desk.column("attempts") == [3]
    assert desk.used("phone_guess_day") == 3
    assert await refusal(desk.verify(desk.code())) == "otp-refused"


async def test_fifty_parallel_right_codes_are_one_success(desk: Desk) -> None:
    await desk.send()
    code = desk.code()
    answers = await asyncio.gather(*[refusal(desk.verify(code)) for _ in range(50)])
    assert kinds(answers) == {"VerifiedCode": 1, "otp-refused": 49}
    assert desk.column("attempts") == [0]
    assert desk.used("phone_guess_day") == 0


async def test_a_request_that_dies_after_a_right_code_can_be_made_again(desk: Desk) -> None:
    await desk.send()
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            async with desk.request() as context:
                await redeem_and_die(context, desk.code())
    assert await desk.redeem(code=desk.code())


async def redeem_and_die(context: Context, code: str) -> None:
    await redeem(context, phone=PHONE, purpose="registration", code=code)
    raise ZeroDivisionError


async def test_wrong_attempts_survive_the_refusal(desk: Desk) -> None:
    await desk.send()
    assert await refusal(desk.verify(desk.wrong_code())) == "otp-refused"
    assert desk.column("attempts") == [1]


async def test_a_code_is_bound_to_tenant_phone_and_purpose(desk: Desk) -> None:
    await desk.send()
    code = desk.code()
    assert await refusal(desk.redeem(who=desk.other_tenant, code=code)) == "otp-refused"
    assert await refusal(desk.redeem("+96890123457", code=code)) == "otp-refused"
    assert await refusal(desk.redeem(code=code, purpose="login")) == "otp-refused"
    assert await desk.redeem(code=code)


async def test_a_proof_is_bound_to_tenant_phone_and_purpose(desk: Desk) -> None:
    token = (await verified(desk)).token
    assert await refusal(desk.redeem(who=desk.other_tenant, token=token)) == "otp-refused"
    assert await refusal(desk.redeem("+96890123457", token=token)) == "otp-refused"
    assert await refusal(desk.redeem(token=token, purpose="login")) == "otp-refused"
    assert await refusal(desk.redeem(token="nonsense")) == "otp-refused"
    assert await desk.redeem(token=token)


async def test_a_code_and_a_proof_expire(desk: Desk) -> None:
    await desk.send()
    desk.owner.execute("update sys_otp_codes set expires_at = now()")
    assert await refusal(desk.verify(desk.code())) == "otp-refused"
    desk.owner.execute("update sys_otp_codes set expires_at = now() + interval '1 minute'")
    token = (await desk.verify(desk.code())).token
    desk.owner.execute("update sys_otp_codes set verified_at = now() - interval '10 minutes'")
    assert await refusal(desk.redeem(token=token)) == "otp-refused"


async def test_either_a_code_or_a_proof(desk: Desk) -> None:
    assert await refusal(desk.redeem()) == "invalid-input"
    assert await refusal(desk.redeem(code="123456", token="x")) == "invalid-input"


async def test_a_minute_passes_between_two_sendings(desk: Desk) -> None:
    await desk.send()
    with pytest.raises(OtpSentRecently) as early:
        await desk.send()
    assert 58 <= int(early.value.headers["Retry-After"]) <= 60
    assert await desk.send(tenant=desk.other_tenant)
    assert await desk.send("+96890123457")
    # Whatever the code is for.
    assert await refusal(send_for(desk, "login")) == "otp-sent-recently"
    desk.minute_passes()
    assert await send_for(desk, "login")


async def send_for(desk: Desk, purpose: Purpose) -> SentCode:
    async with desk.request() as context:
        return await send_code(context, phone=PHONE, purpose=purpose)


async def test_the_minute_holds_after_a_code_was_used_too(desk: Desk) -> None:
    await verified(desk)
    assert await refusal(desk.send()) == "otp-sent-recently"
    desk.minute_passes()
    assert await desk.send()


async def test_twenty_parallel_sendings_are_one(desk: Desk) -> None:
    answers = await asyncio.gather(*[refusal(desk.send()) for _ in range(20)])
    assert kinds(answers) == {"SentCode": 1, "otp-sent-recently": 19}
    assert desk.used("phone_send_hour") == 1
    assert len(desk.rows("select from jobs.procrastinate_jobs")) == 1


async def test_parallel_sendings_for_every_purpose_are_one(desk: Desk) -> None:
    answers = await asyncio.gather(*[refusal(send_for(desk, p)) for p in PURPOSES * 5])
    assert kinds(answers) == {"SentCode": 1, "otp-sent-recently": 19}


async def test_sending_and_verifying_are_in_the_trail_without_code_and_phone(desk: Desk) -> None:
    await desk.send()
    await refusal(desk.verify(desk.wrong_code()))
    code = desk.code()
    await desk.redeem(code=code)
    platform = Database(desk.settings, "crm_platform")
    async with platform.transaction(None) as session:
        found = await session.execute(
            text("select kind, subject_id, before, after from org_events order by id")
        )
        events = found.all()
    await platform.close()
    masked = {"purpose": "registration", "maskedPhone": "+968901****56"}
    [challenge] = desk.column("id")
    assert [tuple(event) for event in events] == [
        ("otp.sent", challenge, None, masked | {"channel": "sms"}),
        ("otp.verified", challenge, None, masked),
    ]


async def test_a_new_sending_is_a_new_code_with_new_attempts(desk: Desk) -> None:
    await desk.send()
    first = desk.code()
    for _ in range(3):
        await refusal(desk.verify(desk.wrong_code()))
    desk.minute_passes()
    await desk.send()
    assert desk.column("attempts") == [0]
    if first != desk.code():
        assert await refusal(desk.verify(first)) == "otp-refused"
    assert await desk.verify(desk.code())


async def test_rotation_keeps_codes_and_proofs_that_are_on_their_way(desk: Desk) -> None:
    proof = await verified(desk)
    await desk.send("+96890123457")
    code = desk.code("+96890123457")
    masters = {**desk.settings.master_keys, 2: b"\x02" * 32}
    desk.settings = replace(desk.settings, master_keys=masters)
    assert await desk.redeem(token=proof.token)
    assert await desk.redeem("+96890123457", code=code)
    desk.minute_passes()
    await desk.send()
    assert desk.rows("select from sys_otp_codes where key_id = 2")
    assert await desk.redeem(code=desk.code())


async def test_a_shared_budget_that_is_used_up_looks_like_success(desk: Desk) -> None:
    for _ in range(5):
        await desk.send()
        desk.minute_passes()
    answer = await desk.send(tenant=desk.other_tenant)
    assert isinstance(answer, SentCode)
    assert sorted(desk.column("withheld")) == [False, True]
    again = await refusal(desk.send(tenant=desk.other_tenant))
    assert again == "otp-sent-recently"
    # Its code was sent to nobody: whoever has it guessed it.
    code = desk.code(tenant=desk.other_tenant)
    assert await refusal(desk.verify(code, tenant=desk.other_tenant)) == "otp-refused"
    # A tenant that counts down its own budget learns nothing, either.
    assert desk.used("tenant_send_hour") == 6
    assert desk.used("phone_send_hour") == 5


async def test_a_shared_budget_of_guesses_that_is_used_up_looks_like_a_wrong_code(
    desk: Desk,
) -> None:
    await desk.send()
    await refusal(desk.verify(desk.wrong_code()))
    desk.use_up("phone_guess_day", 15)
    assert await refusal(desk.verify(desk.code())) == "otp-refused"
    assert desk.column("attempts") == [2]


@pytest.mark.parametrize("kind", ["tenant_send_hour", "tenant_send_day"])
async def test_a_tenants_own_budget_answers_429(desk: Desk, kind: str) -> None:
    await desk.send()
    desk.use_up(kind, 5_000)
    with pytest.raises(OtpBudgetExhausted) as refused:
        await desk.send("+96890123457")
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 24 * 60 * 60
    assert desk.used("prefix_send_hour") == 1
    assert await desk.send(tenant=desk.other_tenant)


async def test_a_tenants_own_budget_of_guesses_answers_429_and_costs_no_attempt(
    desk: Desk,
) -> None:
    await desk.send()
    await refusal(desk.verify(desk.wrong_code()))
    desk.use_up("tenant_guess_day", 1_000)
    assert await refusal(desk.verify(desk.code())) == "otp-budget-exhausted"
    assert desk.column("attempts") == [1]


async def test_guessing_at_nothing_costs_the_phone_nothing(desk: Desk) -> None:
    assert await refusal(desk.verify("123456")) == "otp-refused"
    assert desk.used("phone_guess_day") == 0


async def test_addresses_are_counted_for_customers_own_devices(desk: Desk) -> None:
    await desk.send()
    assert desk.used("address_send_hour") == 0
    await desk.send("+96890123457", actor=DEVICE, address="2001:db8::1")
    await desk.send("+96890123458", actor=DEVICE, address="2001:db8::2")
    assert desk.used("address_send_hour") == 2
    assert desk.rows("select used from sys_otp_budgets where kind = 'address_send_hour'") == [(2,)]


async def test_spending_in_opposite_orders_never_deadlocks(desk: Desk) -> None:
    phones = [f"+968901234{n:02}" for n in range(10, 20)]
    sendings = [desk.send(p, tenant=t) for p in phones for t in (desk.tenant, desk.other_tenant)]
    answers = await asyncio.gather(*[refusal(sending) for sending in sendings])
    assert kinds(answers) == {"SentCode": 20}


@pytest.mark.parametrize("limit", budgets.LIMITS, ids=lambda limit: limit.kind)
async def test_each_limit_allows_so_many_and_no_more(desk: Desk, limit: budgets.Limit) -> None:
    subjects = budgets.Subjects(desk.tenant.id, PHONE, "192.0.2.1")
    key = b"\x01" * 32
    async with desk.request() as context:
        await budgets.spend(context.session, key, limit.action, subjects)
    desk.use_up(limit.kind, limit.limit - 1)
    async with desk.request() as context:
        last = await budgets.spend(context.session, key, limit.action, subjects)
        over = await budgets.spend(context.session, key, limit.action, subjects)
    assert not (last.tenant_exhausted or last.shared_exhausted)
    assert over.tenant_exhausted == (limit.subject == "tenant")
    assert over.shared_exhausted == (limit.subject != "tenant")
    assert desk.used(limit.kind) == limit.limit


async def test_codes_go_an_hour_after_they_expired_and_budgets_stay(
    settings: Settings, desk: Desk
) -> None:
    await desk.send()
    await desk.send("+96890123457")
    desk.owner.execute(
        "update sys_otp_codes set expires_at = now() - interval '61 minutes'"
        " where id = (select min(id::text)::uuid from sys_otp_codes)"
    )
    platform = Database(settings, "crm_platform")
    await tasks.clean_up(platform)
    assert len(desk.column("id")) == 1
    assert desk.used("tenant_send_day") == 2
    desk.owner.execute("update sys_otp_budgets set window_start = now() - interval '49 hours'")
    await tasks.clean_up(platform)
    assert desk.rows("select from sys_otp_budgets") == []
    await platform.close()


@pytest.mark.parametrize(
    "statement",
    [
        "select * from sys_otp_codes",
        "select * from sys_otp_budgets",
        "delete from sys_otp_budgets",
        "select cleanup_expired_otp_codes()",
        "select cleanup_otp_budgets()",
        "select otp_last_sent(:other, 'x')",
        "select otp_attempt(:other, 'x', 'login', 3)",
        "select otp_forgive(:other, 'x', :other)",
        "select otp_verify(:other, 'x', :other, 0, true)",
        "select otp_consume(:other, 'x', :other, 'login', interval '1 day')",
        "select otp_claim_delivery(:other, 'x', :other, 0, 'sms')",
        "select otp_report_delivery(:other, 'x', :other, 0, 'sms', 'sent', null, null)",
        "select otp_requeue_delivery(:other, 'x', :other, 0, 'sms', 'sms')",
        "select otp_start_challenge(:other, 'x', :other, 'login', 'x', 'sms', 'en', 1, false,"
        " interval '1 day', interval '0')",
    ],
)
async def test_the_application_reaches_no_table_and_no_other_tenant(
    desk: Desk, statement: str
) -> None:
    async with desk.request() as context:
        with pytest.raises(DBAPIError) as refused:
            values = {"other": desk.other_tenant.id} if ":other" in statement else {}
            await context.session.execute(text(statement), values)
        assert getattr(refused.value.orig, "sqlstate", None) == "42501"
        await context.session.rollback()
