from crm_saas.kit.errors import Conflict, FieldError, NotFound, Problem


class CustomerNotFound(NotFound):
    type, title = "customer-not-found", "There is no such customer"


class PhoneTaken(Conflict):
    type, title = "phone-taken", "Another customer has this phone"


class EmailTaken(Conflict):
    type, title = "email-taken", "Another customer has this e-mail"


class ExternalIdTaken(Conflict):
    type, title = "external-id-taken", "Another customer has this external id"


class ProfileNeverGoesBack(Conflict):
    type, title = "profile-never-goes-back", "A profile only grows: guest, stub, full"


class ProfileReached(Conflict):
    type, title = "profile-reached", "The customer has this profile already"


class CustomerBlocked(Conflict):
    type, title = "customer-blocked", "The customer is blocked"


class ListTooSlow(Problem):
    status, type, title = 422, "list-too-slow", "This filter and order take too long"

    def __init__(self, asked: list[str], fast: list[str]) -> None:
        filters = ", ".join(asked) or "no filter"
        super().__init__(
            f"No index serves {filters} in this order, and there are many customers. Add a phone, "
            f"an e-mail or a customer number, or ask for one of these: {'; '.join(fast)}.",
            fast=fast,
        )


class TooManyViews(Conflict):
    type, title = "too-many-views", "There are as many saved views as one may have"


class PhoneNotVerified(Problem):
    status, type, title = 422, "phone-not-verified", "A full profile needs a verified phone"

    def __init__(self) -> None:
        detail = (
            "Send a code with POST /api/v1/customers/send-otp and pass it on as otpCode, or pass "
            "the verificationToken that /verify-otp gave."
        )
        super().__init__(detail, fields=[FieldError("otpCode", detail, "required")])
