"""What the search function finds, and the customers that it found (SPEC 6.1)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm_saas.customers.filters import CustomerQuery, conditions
from crm_saas.customers.models import LIVING, Customer
from crm_saas.customers.reading import PICKED
from crm_saas.customers.views import COLUMNS
from crm_saas.kit.context import Context
from crm_saas.kit.wire import Statement

_HITS = Statement(
    "select customer_id, matched from"
    " search_customers(%(tenant)s, %(query)s, %(most)s, %(whole_contacts)s) with ordinality"
    " order by ordinality"
)
_OF_HITS = Statement(
    f"select {PICKED} from org_customers_mst c"  # noqa: S608 - names of columns
    f" where c.tenant_org_id = %(tenant)s::uuid and c.id = any(%(ids)s::uuid[]) and c.{LIVING}"
)


async def find_hits(context: Context, wanted: CustomerQuery, most: int) -> dict[UUID, str]:
    """The best first, and by what each was found.

    Who sees contacts masked finds by a whole phone or e-mail alone: by pieces of one the rest could
    be guessed, digit for digit.
    """
    whole_contacts = not context.actor.may("customers:unmask")
    rows = await context.fetch(_HITS, query=wanted.search, most=most, whole_contacts=whole_contacts)
    return dict(rows)


async def rows_of_hits(
    context: Context, wanted: CustomerQuery, hits: Sequence[UUID]
) -> Sequence[Sequence[Any]]:
    """Of the hits that fit the filters; rows of SHOWN at least."""
    if wanted.asked().keys() == {"search"}:
        return await context.fetch(_OF_HITS, ids=f"{{{','.join(map(str, hits))}}}")
    query = select(*COLUMNS).where(*conditions(context, wanted), Customer.id.in_(hits))
    return (await context.session.execute(query)).all()
