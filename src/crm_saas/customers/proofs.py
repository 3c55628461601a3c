"""From a one-time code, or the proof of one, to a verified phone."""

from msgspec import UnsetType

from crm_saas.customers.phone_claims import VerifiedPhone, link_person
from crm_saas.kit.context import Context
from crm_saas.kit.errors import InvalidInput
from crm_saas.otp.phones import read_phone
from crm_saas.otp.purposes import Purpose
from crm_saas.otp.service import redeem


async def prove_phone(
    context: Context,
    phone: str | UnsetType | None,
    otp_code: str | None,
    verification_token: str | None,
    *,
    purpose: Purpose,
    claim_phone: bool = False,
) -> VerifiedPhone | None:
    """None where no proof was sent. Call it before the request's first write.

    Raises InvalidInput, OtpRefused, OtpBudgetExhausted.
    """
    if otp_code is None and verification_token is None:
        if claim_phone:
            raise InvalidInput.of(
                "claimPhone", "takes a proved phone: send otpCode or verificationToken", "unproved"
            )
        return None
    if not isinstance(phone, str):
        raise InvalidInput.of("phone", "must be sent together with its code", "required")
    number = read_phone(phone, context.tenant.default_region)
    await redeem(context, phone=number, purpose=purpose, code=otp_code, token=verification_token)
    return await link_person(context, number)
