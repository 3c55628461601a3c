"""The one call that creates a customer (sql/functions/create_customer.sql), and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from crm_saas.custom.models import VALUES
from crm_saas.customers.assignment import default_assignment
from crm_saas.customers.comparing import is_compared
from crm_saas.customers.fields import DEFAULT_STAGES
from crm_saas.customers.identifiers import Claim, Named, claims_of, locks_of, rank_of
from crm_saas.customers.phone_claims import VerifiedPhone, verified_columns
from crm_saas.customers.reading import CustomerRow
from crm_saas.customers.schemas import ProfileStatus
from crm_saas.customers.views import SHOWN, ShownCustomer
from crm_saas.kit.context import Context
from crm_saas.kit.events import Event, canonical_text, commitment, frame_of, plain
from crm_saas.kit.ids import new_id
from crm_saas.kit.wire import Statement

TABLE = "org_customers_mst"
IDENTIFIERS = "org_customer_identifiers"
CREATED = "customer.created"
GUEST_LIFETIME_DAYS = 30
CREATE = Statement(
    "select number, sequence, created_at, holder_kind, holder_id, holder_number, holder_name "
    "from create_customer(%(tenant)s, %(locks)s, %(claims)s, %(customer)s, %(event)s, "
    "%(content)s, %(unnumbered)s, %(compare)s, %(typed)s, %(answer)s)"
)
# The table's own defaults: the call names every column, and the answer may be made before it.
_DEFAULTS: dict[str, Any] = {
    "status": "active",
    "lifecycle": "new",
    "customer_type": "individual",
    "preferences": {},
    "custom_fields": {},
}


@dataclass(frozen=True)
class NewCustomer:
    """Column values that passed every check."""

    profile_status: ProfileStatus
    columns: dict[str, Any]

    @property
    def claims(self) -> list[Claim]:
        return claims_of(self.columns)


class Created(NamedTuple):
    """A row of the answer: the number that was taken, or a holder of one of the claims."""

    number: str | None
    sequence: int
    created_at: datetime
    holder_kind: str
    holder_id: UUID
    holder_number: str | None
    holder_name: str | None

    @property
    def holder(self) -> Named:
        return Named(self.holder_kind, self.holder_id, self.holder_number, self.holder_name)


@dataclass(frozen=True)
class Insertion:
    """A customer who is whole but for the number."""

    columns: dict[str, Any]
    claims: list[dict[str, Any]]
    locks: list[int]
    typed: Sequence[Mapping[str, Any]]
    """Values of custom fields, as rows of their table."""
    frame: dict[str, Any]
    after: dict[str, Any]

    @property
    def unnumbered(self) -> str:
        """What stands for the number: nobody can have written it, since the id is new."""
        return f"number-of-{self.columns['id']}"

    @property
    def values(self) -> dict[str, Any]:
        salt = rf"\x{self.frame['salt'].hex()}"
        return {
            "locks": f"{{{','.join(map(str, self.locks))}}}",
            "claims": _json(self.claims),
            "customer": _json(self.columns),
            "event": _json(self.frame | {"salt": salt}),
            "content": canonical_text(None, self._after(self.unnumbered)).decode(),
            "unnumbered": self.unnumbered,
            "compare": is_compared(self.after),
            "typed": _json(self.typed),
        }

    def customer(self, number: str, created_at: datetime) -> ShownCustomer:
        """As it is in the database."""
        columns = self.columns | {
            "customer_number": number,
            "created_at": created_at,
            "updated_at": created_at,
            "version": 1,
        }
        return CustomerRow._make(map(columns.get, SHOWN))

    def event(self, context: Context, number: str) -> Event:
        after = self._after(number)
        return Event(
            tenant_org_id=context.tenant.id,
            **self.frame,
            after=after,
            commitment=commitment(self.frame["salt"], None, after),
        )

    def _after(self, number: str) -> dict[str, Any]:
        return {"customerNumber": number} | self.after


def insertion_of(
    context: Context,
    new: NewCustomer,
    verified: VerifiedPhone | None = None,
    typed: Sequence[Mapping[str, Any]] = (),
) -> Insertion:
    customer_id = new_id()
    stages = context.tenant.policy("journey_stages", DEFAULT_STAGES)
    columns = {
        **_DEFAULTS,
        "journey_stage": stages[0],
        **default_assignment(context),
        **new.columns,
        **verified_columns(context, verified),
        "id": customer_id,
        "profile_status": new.profile_status,
        "expires_at": guest_expiry(context, new.profile_status),
    }
    claims = sorted(new.claims)
    rows = [{"id": new_id(), **claim._asdict()} for claim in claims]
    return Insertion(
        columns=columns,
        claims=rows,
        locks=locks_of(context, claims),
        typed=typed,
        frame=frame_of(
            context,
            CREATED,
            subject=(TABLE, customer_id),
            customer_id=customer_id,
            rows={
                IDENTIFIERS: [row["id"] for row in rows],
                VALUES: [row["id"] for row in typed],
            },
        ),
        after=plain({"profileStatus": new.profile_status} | new.columns) or {},
    )


def holder_among(rows: Sequence[Created]) -> Named | None:
    """The first who holds a claim, phones before e-mails; None when the customer was created."""
    holders = [row.holder for row in rows if row.number is None]
    return min(holders, key=lambda h: rank_of(h.kind), default=None)


def guest_expiry(context: Context, profile_status: str) -> datetime | None:
    if profile_status != "guest":
        return None
    days = context.tenant.policy("guest_expiry_days", GUEST_LIFETIME_DAYS)
    return datetime.now(UTC) + timedelta(days=days)


def _json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return msgspec.json.encode(value).decode()
