from typing import Self

from crm_saas.kit.errors import FieldError, Problem, TooManyRequests


class OtpRefused(Problem):
    """One answer for wrong, expired, used up, never sent and withheld: it teaches nothing."""

    status, type, title = 422, "otp-refused", "The code is not accepted"

    @classmethod
    def of(cls, field: str) -> Self:
        detail = (
            "It is wrong, has expired, was used already or was tried too often. "
            "Check it, or send a new one."
        )
        return cls(detail, fields=[FieldError(field, detail, "otp-refused")])


class PhoneNotServed(Problem):
    status, type, title = 422, "phone-not-served", "No codes are sent to this number"

    @classmethod
    def of(cls, country: str | None) -> Self:
        detail = (
            f"Codes are not sent to numbers of this kind or country ({country or 'none'}). "
            "Use a mobile number of a served country, or ask the operator to serve this one."
        )
        return cls(detail, fields=[FieldError("phone", detail, "phone-not-served")])


class OtpSentRecently(TooManyRequests):
    status, type, title = 429, "otp-sent-recently", "A code was sent a moment ago"


class OtpBudgetExhausted(TooManyRequests):
    status, type, title = 429, "otp-budget-exhausted", "This tenant's budget of codes is used up"
