"""The filters of the list and the export: one declared table, refused when misspelt."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.sql.elements import ColumnElement

from crm_saas.customers.models import Customer, Identifier
from crm_saas.customers.queries import is_number
from crm_saas.customers.schemas import CompanySize, CustomerType, Lifecycle, ProfileStatus, Status
from crm_saas.kit.context import Context
from crm_saas.kit.emails import InvalidEmail, email_key, parse_email
from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.phones import InvalidPhone, parse_phone
from crm_saas.kit.queries import with_zone

Word = Annotated[str, Meta(min_length=1, max_length=254)]
Search = Annotated[str, Meta(max_length=200)]


class CustomerFilter(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Every condition must hold. Times are RFC 3339; `…From` includes, `…Before` excludes."""

    search: Search | None = None
    profile_status: ProfileStatus | None = None
    status: Status | None = None
    journey_stage: Word | None = None
    lifecycle: Lifecycle | None = None
    customer_type: CustomerType | None = None
    customer_number: Word | None = None
    phone: Word | None = None
    email: Word | None = None
    name: Word | None = None
    locale: Word | None = None
    company_name: Word | None = None
    company_size: CompanySize | None = None
    industry: Word | None = None
    date_of_birth: date | None = None
    assigned_to: UUID | None = None
    team_id: UUID | None = None
    phone_verified: bool | None = None
    email_verified: bool | None = None
    identity_verified: bool | None = None
    customer_since_from: datetime | None = None
    customer_since_before: datetime | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    updated_from: datetime | None = None
    updated_before: datetime | None = None

    def asked(self) -> dict[str, Any]:
        """What was set, for the cursor's signature and the audit record."""
        return {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not None
        }


_SHOWN = dict(
    zip(CustomerFilter.__struct_fields__, CustomerFilter.__struct_encode_fields__, strict=True)
)
_EQUAL = (
    "profile_status", "status", "journey_stage", "lifecycle", "customer_type", "locale",
    "company_name", "company_size", "industry", "date_of_birth", "assigned_to", "team_id",
)  # fmt: skip
_VERIFIED = {
    "phone_verified": Customer.phone_verified_at,
    "email_verified": Customer.email_verified_at,
    "identity_verified": Customer.identity_verified_at,
}
_SINCE: dict[str, Callable[[datetime], ColumnElement[bool]]] = {
    "customer_since_from": lambda at: Customer.customer_since >= at,
    "customer_since_before": lambda at: Customer.customer_since < at,
    "created_from": lambda at: Customer.created_at >= at,
    "created_before": lambda at: Customer.created_at < at,
    "updated_from": lambda at: Customer.updated_at >= at,
    "updated_before": lambda at: Customer.updated_at < at,
}


def conditions(context: Context, wanted: CustomerFilter) -> list[ColumnElement[bool]]:
    """The tenant, and what was asked; merged and erased customers only when asked for."""
    asked = wanted.asked()
    held: list[ColumnElement[bool]] = [Customer.tenant_org_id == context.tenant.id]
    if "status" not in asked and "customer_number" not in asked:
        held.append(Customer.status.in_(("active", "inactive", "blocked")))
    for name, value in asked.items():
        if name in _EQUAL:
            held.append(getattr(Customer, name) == value)
        elif name in _VERIFIED:
            held.append(_VERIFIED[name].is_not(None) if value else _VERIFIED[name].is_(None))
        elif name in _SINCE:
            held.append(_SINCE[name](with_zone(_SHOWN[name], value)))
        elif name == "name":
            held.append(Customer.name == value)
        elif name == "customer_number":
            held.append(is_number(value))
        elif name in {"phone", "email"}:
            held.append(_held_by(context, name, value))
    return held


def _held_by(context: Context, kind: str, value: str) -> ColumnElement[bool]:
    """By identifier, so that the aliases of a merge find the survivor."""
    try:
        key = (
            parse_phone(value, context.tenant.default_region)
            if kind == "phone"
            else email_key(parse_email(value))
        )
    except (InvalidPhone, InvalidEmail) as error:
        raise InvalidInput.of(kind, error.reason) from error
    return Customer.id.in_(
        select(Identifier.customer_id).where(
            Identifier.tenant_org_id == context.tenant.id,
            Identifier.kind == kind,
            Identifier.value == key,
        )
    )


SortField = Literal[
    "createdAt", "-createdAt", "updatedAt", "-updatedAt",
    "name", "-name", "customerNumber", "-customerNumber",
]  # fmt: skip
