from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, post
from litestar.params import JSONBody

from crm_saas.kit.dependencies import AppDatabase, RequestContext
from crm_saas.kit.errors import Forbidden, MalformedRequest
from crm_saas.kit.jobs import JobRefused
from crm_saas.kit.problems import problems
from crm_saas.kit.schemas import provided
from crm_saas.otp import service
from crm_saas.otp.callbacks import PATH as CALLBACK_PATH
from crm_saas.otp.callbacks import delivery_state, is_from_twilio, sending_of
from crm_saas.otp.errors import (
    OtpBudgetExhausted,
    OtpRefused,
    OtpSentRecently,
    PhoneNotServed,
)
from crm_saas.otp.schemas import OtpSent, OtpVerified, SendOtp, VerifyOtp
from crm_saas.otp.tasks import note_delivery
from crm_saas.tenancy.registry import job_context

_FORM_FIELDS_MAX = 100


@post(
    "/customers/send-otp",
    permission="otp:send",
    status_code=202,
    responses=problems(PhoneNotServed, OtpSentRecently, OtpBudgetExhausted),
)
async def send_otp(context: RequestContext, data: JSONBody[SendOtp]) -> OtpSent:
    """Sends a code of six digits, good for five minutes and three attempts."""
    sent = await service.send_code(context, **provided(data))  # type: ignore[arg-type]
    return OtpSent(purpose=data.purpose, expires_at=sent.expires_at, resend_at=sent.resend_at)


@post(
    "/customers/verify-otp",
    permission="otp:verify",
    status_code=200,
    responses=problems(OtpRefused, OtpBudgetExhausted),
)
async def verify_otp(context: RequestContext, data: JSONBody[VerifyOtp]) -> OtpVerified:
    """Trades a right code for a proof, which creating or upgrading a customer takes once."""
    verified = await service.verify_code(
        context, phone=data.phone, purpose=data.purpose, code=data.code
    )
    return OtpVerified(verification_token=verified.token, expires_at=verified.expires_at)


@post(
    CALLBACK_PATH.removeprefix("/api/v1"),
    public=True,
    form=True,
    status_code=204,
    responses=problems(),
)
async def twilio_callback(request: Request[Any, Any, Any], database: AppDatabase) -> None:
    """Twilio reports what became of a message; believed when it is signed."""
    query = request.scope["query_string"].decode("latin-1")
    form = _form(await request.body())
    signature = request.headers.get("x-twilio-signature", "")
    if not is_from_twilio(database.settings, query=query, form=form, signature=signature):
        raise Forbidden("The request is not signed by Twilio.")
    sending, state = sending_of(query), delivery_state(form)
    if sending is None or state is None:
        return
    with suppress(JobRefused):  # the tenant is gone: nothing that Twilio could do better
        async with job_context(database, sending.tenant_id, "otp.callback") as context:
            await note_delivery(context, sending, state)


ROUTES = [send_otp, verify_otp, twilio_callback]


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=_FORM_FIELDS_MAX,
            errors="strict",
        )
    except ValueError as error:
        raise MalformedRequest("The form cannot be read.") from error
    return dict(pairs)
