"""The bodies of a customer's ways in."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from crm_saas.addresses.schemas import CreateAddress
from crm_saas.customers.schemas import CustomerFields, CustomerView, ProfileStatus
from crm_saas.kit.problems import ProblemBody
from crm_saas.kit.schemas import Struct

OtpCode = Annotated[str, Meta(max_length=20, examples=["123456"])]
VerificationToken = Annotated[str, Meta(max_length=1000)]
BATCH_ROWS_MAX = 100
KEY_LENGTH_MAX = 200
MatchedBy = Literal["phone", "email", "externalId"]


class CreateCustomer(CustomerFields):
    """A guest has no phone; a stub has a name and a phone; a full profile has a verified phone.

    `claimPhone` takes a phone that was verified just now from the customer who holds it, as when
    a number was handed out again; that customer keeps the rest.
    """

    type: ProfileStatus = "stub"
    otp_code: OtpCode | None = None
    verification_token: VerificationToken | None = None
    claim_phone: bool = False
    addresses: Annotated[list[CreateAddress], Meta(max_length=10)] | UnsetType = UNSET


class UpgradeCustomer(CustomerFields):
    type: Literal["stub", "full"] = "full"
    otp_code: OtpCode | None = None
    verification_token: VerificationToken | None = None
    claim_phone: bool = False
    addresses: Annotated[list[CreateAddress], Meta(max_length=10)] | UnsetType = UNSET


class FindOrCreate(CustomerFields):
    """Found by phone, e-mail or external id; otherwise a stub is made of what was sent."""


class BatchRow(FindOrCreate, kw_only=True):
    """What a till collected while it was offline; the key makes sending it twice harmless.

    A `guest` is created, since there is nothing to find it by; a `stub` is found or created.
    """

    type: Literal["guest", "stub"] = "stub"
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=KEY_LENGTH_MAX)]


# Read row by row, so that one which is no BatchRow spoils no other; the document shows the struct.
SentRow = Annotated[
    Any, Meta(extra_json_schema={"$ref": "#/components/schemas/BatchRow"}), BatchRow
]
SentProblem = Annotated[
    dict[str, Any],
    Meta(extra_json_schema={"$ref": "#/components/schemas/ProblemBody"}),
    ProblemBody,
]


class Batch(Struct):
    rows: Annotated[list[SentRow], Meta(min_length=1, max_length=BATCH_ROWS_MAX)]


class Found(Struct):
    """`created` and `matched` have a customer; `ambiguous` has candidates, one for each clue."""

    outcome: Literal["created", "matched", "ambiguous"]
    matched_by: MatchedBy | None = None
    customer: CustomerView | None = None
    candidates: list[CustomerView] = msgspec.field(default_factory=list)


class BatchOutcome(Struct):
    """`index` is the row's place, from 0; `idempotencyKey` is null where the row had none to read.

    `refused` has the problem; its row left no trace and may be sent again under its key. Only
    after `unavailable` may a row have been saved: sent again, it answers `replayed`.
    """

    index: int
    idempotency_key: str | None
    outcome: Literal["created", "matched", "ambiguous", "refused"]
    matched_by: MatchedBy | None = None
    customer_id: UUID | None = None
    customer_number: str | None = None
    candidates: list[UUID] = msgspec.field(default_factory=list)
    replayed: bool = False
    problem: SentProblem | None = None


class BatchOutcomes(Struct):
    outcomes: list[BatchOutcome]
