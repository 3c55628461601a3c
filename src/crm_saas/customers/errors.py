from crm_saas.kit.errors import Conflict, Problem


class PhoneTaken(Conflict):
    type, title = "phone-taken", "Another customer has this phone"


class EmailTaken(Conflict):
    type, title = "email-taken", "Another customer has this e-mail"


class ProfileNeverGoesBack(Conflict):
    type, title = "profile-never-goes-back", "A profile only grows: guest, stub, full"


class CustomerBlocked(Conflict):
    type, title = "customer-blocked", "The customer is blocked"


class PhoneNotVerified(Problem):
    status, type, title = 422, "phone-not-verified", "A full profile needs a verified phone"
