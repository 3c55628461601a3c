"""Customers as they are compared, with their addresses."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Uuid, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from crm_saas.addresses.queries import places_of
from crm_saas.customers.models import Customer
from crm_saas.customers.similarity import Profile
from crm_saas.kit.context import Context

LIVING = ("active", "inactive", "blocked")


async def profiles_of(context: Context, ids: Collection[UUID]) -> dict[UUID, Profile]:
    """Of the living ones among them."""
    if not ids:
        return {}
    rows = await context.session.execute(
        select(
            Customer.id,
            Customer.name,
            Customer.name2,
            Customer.phone,
            Customer.email,
            Customer.date_of_birth,
            Customer.company_name,
        ).where(
            Customer.tenant_org_id == context.tenant.id,
            # One array: thousands of parameters cost more than what they ask for.
            Customer.id == any_(literal(list(ids), ARRAY(Uuid))),
            Customer.status.in_(LIVING),
        )
    )
    places = await places_of(context, ids)
    return {
        row.id: Profile(
            name=row.name,
            name2=row.name2,
            phone=row.phone,
            email=row.email,
            birth_date=row.date_of_birth,
            company=row.company_name,
            places=places.get(row.id, frozenset()),
        )
        for row in rows
    }
