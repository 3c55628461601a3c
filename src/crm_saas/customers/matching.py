"""Who has a phone, e-mail or external id: one look-up for identifiers and customers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_saas.customers.identifiers import CLAIM_COLUMNS, Claim, Named, rank_of, taken_by
from crm_saas.customers.reading import PICKED, CustomerRow
from crm_saas.customers.views import ShownCustomer
from crm_saas.kit.context import Context
from crm_saas.kit.wire import Statement

# Conditions of one form each, and not a list of pairs: each is a look into the same index.
LOOK_UP = Statement(
    f"select i.kind, i.customer_id, {PICKED} from org_customer_identifiers i "  # noqa: S608
    "left join org_customers_mst c "
    "on c.tenant_org_id = %(tenant)s::uuid and c.id = i.customer_id "
    "where i.tenant_org_id = %(tenant)s::uuid "
    "and (i.kind = 'phone' and i.value = %(phone)s or i.kind = 'email' and i.value = %(email)s "
    "or i.kind = 'external' and i.value = %(external)s)"
)


@dataclass(frozen=True)
class Match:
    """By what somebody was found, and the customer; None for one whom the caller may not see."""

    kind: str
    customer_id: UUID
    customer: ShownCustomer | None


def clues(claims: Iterable[Claim]) -> dict[str, str | None]:
    """The values of LOOK_UP."""
    return dict.fromkeys(CLAIM_COLUMNS) | {claim.kind: claim.value for claim in claims}


def read_matches(rows: Sequence[Any]) -> list[Match]:
    """Of LOOK_UP's rows, what says most first."""
    found = [Match(kind, customer_id, _customer(columns)) for kind, customer_id, *columns in rows]
    return sorted(found, key=lambda match: rank_of(match.kind))


def refuse_unseen(context: Context, match: Match) -> None:
    """Raises what `taken_by` answers for a customer outside the caller's scope."""
    if match.customer is None:
        raise taken_by(context, Named(match.kind, match.customer_id, None, None))


def _customer(columns: Sequence[Any]) -> ShownCustomer | None:
    customer: ShownCustomer = CustomerRow._make(columns)
    return None if customer.id is None else customer
