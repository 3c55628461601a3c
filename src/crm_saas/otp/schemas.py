from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from crm_saas.kit.schemas import PhoneText, Struct
from crm_saas.otp.purposes import Channel, Locale, Purpose

CodeText = Annotated[
    str, Meta(min_length=6, max_length=20, description="Six digits.", examples=["123456"])
]


class SendOtp(Struct):
    phone: PhoneText
    purpose: Purpose = "registration"
    channel: Channel | UnsetType = UNSET
    locale: Locale | UnsetType = UNSET


class OtpSent(Struct):
    """The same whether or not anybody knows the phone."""

    purpose: Purpose
    expires_at: datetime
    resend_at: datetime


class VerifyOtp(Struct):
    phone: PhoneText
    code: CodeText
    purpose: Purpose = "registration"


class OtpVerified(Struct):
    """The proof, good once for ten minutes, with the same phone and purpose."""

    verification_token: str
    expires_at: datetime
