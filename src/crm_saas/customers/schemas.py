"""The bodies of the customers' API: create, patch and view are three structs."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from crm_saas.custom.schemas import Values
from crm_saas.kit.money import Money
from crm_saas.kit.schemas import END, EmailText, LongText, Name, PhoneText, Struct, Text
from crm_saas.kit.texts import READABLE

ProfileStatus = Literal["guest", "stub", "full"]
Status = Literal["active", "inactive", "blocked", "merged", "erased"]
Lifecycle = Literal["new", "repeat", "loyal", "vip", "atRisk", "churned"]
CustomerType = Literal["individual", "business"]
CompanySize = Literal["1-10", "11-50", "51-200", "201-500", "501-1000", "1001+"]
Locale = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?" + END, examples=["ar", "en-GB"])]
Stage = Annotated[str, Meta(pattern=r"^[a-z][A-Za-z0-9_-]{0,39}$", examples=["lead"])]
ExternalId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=READABLE,
        description="The customer's id in another system of yours. No two customers share one.",
        examples=["207119551"],
    ),
]
HttpsUrl = Annotated[
    str,
    Meta(
        pattern=r"^https://[^\s]+" + END,
        max_length=500,
        examples=["https://example.com/amal.png"],
    ),
]


class CustomerFields(Struct):
    """What may be said of a customer at creation and later. Absent is unchanged, null is empty."""

    name: Name | UnsetType | None = UNSET
    name2: Name | UnsetType | None = UNSET
    first_name: Text | UnsetType | None = UNSET
    last_name: Text | UnsetType | None = UNSET
    display_name: Name | UnsetType | None = UNSET
    honorific: Annotated[str, Meta(max_length=40, pattern=READABLE)] | UnsetType | None = UNSET
    date_of_birth: date | UnsetType | None = UNSET
    avatar_url: HttpsUrl | UnsetType | None = UNSET
    locale: Locale | UnsetType | None = UNSET
    notes: LongText | UnsetType | None = UNSET
    preferences: dict[str, Any] | UnsetType = UNSET
    custom_fields: Values | UnsetType = UNSET
    customer_type: CustomerType | UnsetType = UNSET
    company_name: Text | UnsetType | None = UNSET
    company_size: CompanySize | UnsetType | None = UNSET
    industry: Text | UnsetType | None = UNSET
    annual_revenue: Money | UnsetType | None = UNSET
    journey_stage: Stage | UnsetType = UNSET
    assigned_to: UUID | UnsetType | None = UNSET
    team_id: UUID | UnsetType | None = UNSET
    phone: PhoneText | UnsetType | None = UNSET
    email: EmailText | UnsetType | None = UNSET
    external_id: ExternalId | UnsetType | None = UNSET


class PatchCustomer(CustomerFields):
    """A changed phone counts as verified only with `otpCode` or `verificationToken`.

    `claimPhone` moves a phone that another customer holds, as when a number was handed out again;
    it takes a verified phone.
    """

    otp_code: Annotated[str, Meta(max_length=20)] | None = None
    verification_token: Annotated[str, Meta(max_length=1000)] | None = None
    claim_phone: bool = False


class Verification(Struct):
    """Who verified it, when and how."""

    at: datetime
    by: str | None
    how: str | None


class MergedFrom(Struct):
    """The id or number that was asked for, when it belongs to a customer merged into this one."""

    id: UUID
    customer_number: str


class CustomerView(Struct):
    id: UUID
    customer_number: str
    profile_status: ProfileStatus
    status: Status
    journey_stage: str
    lifecycle: Lifecycle
    customer_type: CustomerType
    display_name: str
    name: str | None
    name2: str | None
    first_name: str | None
    last_name: str | None
    honorific: str | None
    date_of_birth: date | None
    avatar_url: str | None
    locale: str | None
    notes: str | None
    preferences: dict[str, Any]
    custom_fields: dict[str, Any]
    company_name: str | None
    company_size: str | None
    industry: str | None
    annual_revenue: Money | None
    phone: str | None
    phone_verified: bool
    phone_verification: Verification | None
    email: str | None
    email_verified: bool
    email_verification: Verification | None
    identity_verified: bool
    identity_verification: Verification | None
    customer_since: datetime | None
    external_id: str | None
    assigned_to: UUID | None
    team_id: UUID | None
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    merged_from: MergedFrom | None = None
    matched_by: str | None = None


class CustomerList(Struct):
    """`total` only where `total=true` asked for it; `totalIsCapped` means that there are more, and
    `totalIsUnknown` that counting would have taken too long.

    `isFast` is false where no index serves the filters in this order: the page was found in time,
    and with more customers it may come to be refused (`list-too-slow`).
    """

    items: list[CustomerView]
    next_cursor: str | None
    is_fast: bool
    total: int | None = None
    total_is_capped: bool | None = None
    total_is_unknown: bool | None = None


class Statistics(Struct):
    """True at `asOf`, which is some minutes ago where there are many customers.

    `asOf` and the numbers are null while they are counted for the first time, and where counting
    would take too long: ask again in a minute.
    """

    as_of: datetime | None
    total: int | None
    by_profile_status: dict[str, int]
    by_status: dict[str, int]
    by_customer_type: dict[str, int]
    created_last_7_days: int | None
    created_last_30_days: int | None


class GrowthStep(Struct):
    start: date
    created: int | None


class Growth(Struct):
    """The last days (92), weeks (53) or months (36), the running one at the end; null as in the
    statistics."""

    as_of: datetime | None
    items: list[GrowthStep]


class VerifyIdentity(Struct):
    """`how`: what was looked at, such as `passport` or `national id`."""

    how: Annotated[str, Meta(min_length=2, max_length=100, pattern=READABLE)]


class BlockCustomer(Struct):
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=READABLE)]
