"""Whether a file is an export of this very business, and a row of it about the customer it names.

Everybody's numbers begin with CUST-00001, and the files look alike: whoever found customers by
number in another business's export would write over their own. Ids are everybody's alone.
"""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_

from crm_saas.customers.folding import fold_text
from crm_saas.customers.models import Customer
from crm_saas.imports.reading import Head
from crm_saas.imports.targets import NUMBER
from crm_saas.kit.context import Context

DIFFERS = "differs"
_ID = "id"
_NAMED = ("name", "name2", "first_name", "last_name", "company_name")
_REACHED = ("phone", "email_key")


async def is_own_export(context: Context, head: Head, mapping: Mapping[str, str]) -> bool:
    """The first rows all have an id of a customer here, and the number that this customer has."""
    number = next((header for header, field in mapping.items() if field == NUMBER), None)
    if number is None or _ID not in head.headers:
        return False
    places = head.headers.index(_ID), head.headers.index(number)
    try:
        named = {(UUID(row[places[0]]), row[places[1]]) for row in head.sample}
    except (ValueError, IndexError):
        return False
    found = await context.session.scalar(
        select(func.count()).where(
            Customer.tenant_org_id == context.tenant.id,
            tuple_(Customer.id, Customer.customer_number).in_(named),
        )
    )
    return found == len(named)


def is_another(customer: SimpleNamespace, columns: Mapping[str, Any]) -> bool:
    """Whether nothing of whom the row is about agrees with the customer that it names."""

    def both(names: Sequence[str]) -> list[tuple[str, str]]:
        found = [(getattr(customer, name), columns.get(name)) for name in names]
        return [(now, sent) for now, sent in found if now and sent]

    named, reached = both(_NAMED), both(_REACHED)
    if not named or not reached:
        return False
    return not any(now == sent for now, sent in reached) and not any(
        _is_like(now, sent) for now, sent in named
    )


def _is_like(one: str, other: str) -> bool:
    """Amal and Amal Al Balushi, also the other way round; a family has its name in common."""
    words, others = fold_text(one).split(), fold_text(other).split()
    return not words or not others or words[0] in others or others[0] in words
