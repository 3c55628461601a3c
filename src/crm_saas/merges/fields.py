"""Which of two customers' facts the survivor keeps: chosen where people can, combined elsewhere."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from crm_saas.custom.schemas import FIELDS_MAX
from crm_saas.customers.models import Customer
from crm_saas.customers.schemas import CustomerView
from crm_saas.kit.errors import FieldError
from crm_saas.kit.problems import invalid_input
from crm_saas.kit.schemas import Struct

Side = Literal["source", "target"]
_CUSTOM = "custom_fields."

# A field of the API and its columns, which go together; the first ones are its value.
FIELDS: dict[str, tuple[str, ...]] = {
    "name": ("name",),
    "name2": ("name2",),
    "first_name": ("first_name",),
    "last_name": ("last_name",),
    "display_name": ("display_name",),
    "honorific": ("honorific",),
    "date_of_birth": ("date_of_birth",),
    "avatar_url": ("avatar_url",),
    "locale": ("locale",),
    "notes": ("notes",),
    "preferences": ("preferences",),
    "customer_type": ("customer_type",),
    "company_name": ("company_name",),
    "company_size": ("company_size",),
    "industry": ("industry",),
    "annual_revenue": ("annual_revenue_minor", "annual_revenue_currency"),
    "journey_stage": ("journey_stage",),
    "external_id": ("external_id",),
    "assigned_to": ("assigned_to",),
    "team_id": ("team_id",),
    "phone": (
        "phone",
        "phone_verified_at",
        "phone_verified_by",
        "phone_verified_how",
        "person_id",
    ),
    "email": (
        "email",
        "email_key",
        "email_verified_at",
        "email_verified_by",
        "email_verified_how",
    ),
}
# What follows from both, with nothing to choose.
COMBINED: dict[str, tuple[str, ...]] = {
    "profile_status": ("profile_status", "expires_at"),
    "status": ("status",),
    "identity_verified": (
        "identity_verified_at",
        "identity_verified_by",
        "identity_verified_how",
    ),
    "customer_since": ("customer_since",),
    # By their keys, each of which can be chosen.
    "custom_fields": ("custom_fields",),
}
_PROFILES = ("guest", "stub", "full")
# A name is one thing: its parts come from the same side, unless somebody chooses otherwise.
_PARTS_OF_NAME = frozenset({"first_name", "last_name", "display_name"})


class Choices(Struct):
    """From which of the two the survivor takes a field. Absent: as the preview says."""

    name: Side | UnsetType = UNSET
    name2: Side | UnsetType = UNSET
    first_name: Side | UnsetType = UNSET
    last_name: Side | UnsetType = UNSET
    display_name: Side | UnsetType = UNSET
    honorific: Side | UnsetType = UNSET
    date_of_birth: Side | UnsetType = UNSET
    avatar_url: Side | UnsetType = UNSET
    locale: Side | UnsetType = UNSET
    notes: Side | UnsetType = UNSET
    preferences: Side | UnsetType = UNSET
    customer_type: Side | UnsetType = UNSET
    company_name: Side | UnsetType = UNSET
    company_size: Side | UnsetType = UNSET
    industry: Side | UnsetType = UNSET
    annual_revenue: Side | UnsetType = UNSET
    journey_stage: Side | UnsetType = UNSET
    external_id: Side | UnsetType = UNSET
    assigned_to: Side | UnsetType = UNSET
    team_id: Side | UnsetType = UNSET
    phone: Side | UnsetType = UNSET
    email: Side | UnsetType = UNSET
    custom_fields: Annotated[dict[str, Side], Meta(max_length=FIELDS_MAX)] | UnsetType = UNSET


def decide(source: Customer, target: Customer, choices: Choices) -> dict[str, Side]:
    """A side for every field: the chosen one, or what loses least."""
    sides: dict[str, Side] = {}
    for field in FIELDS:
        chosen: Side | UnsetType = getattr(choices, field)
        if chosen is not UNSET:
            sides[field] = chosen
        elif field in _PARTS_OF_NAME:
            sides[field] = sides["name"]
        else:
            sides[field] = _default_side(source, target, field)
    return sides | _custom_sides(source, target, choices)


def _custom_sides(source: Customer, target: Customer, choices: Choices) -> dict[str, Side]:
    """Of each custom field that one of the two has, as `custom_fields.<key>`; the survivor's."""
    chosen = {} if choices.custom_fields is UNSET else choices.custom_fields
    keys = sorted({*source.custom_fields, *target.custom_fields})
    if unknown := sorted(chosen.keys() - set(keys)):
        raise invalid_input(
            [
                FieldError(f"choices.customFields.{key}"[:200], "neither of the two has it")
                for key in unknown
            ]
        )
    return {
        f"{_CUSTOM}{key}": chosen.get(key, "target" if key in target.custom_fields else "source")
        for key in keys
    }


def choices_of(sides: Mapping[str, Side]) -> Choices:
    """As the API shows them."""
    custom = {n.removeprefix(_CUSTOM): side for n, side in sides.items() if n.startswith(_CUSTOM)}
    plain = {field: side for field, side in sides.items() if field in FIELDS}
    return Choices(**plain, custom_fields=custom)


def _default_side(source: Customer, target: Customer, field: str) -> Side:
    """The survivor's, unless it has none, or the other's alone is verified."""
    ours, theirs = getattr(target, FIELDS[field][0]), getattr(source, FIELDS[field][0])
    if not ours and theirs:
        return "source"
    if field in {"phone", "email"} and theirs:
        verified = f"{field}_verified_at"
        if getattr(source, verified) and not getattr(target, verified):
            return "source"
    return "target"


def clashing(source: Customer, target: Customer) -> list[str]:
    """The fields of which both have one, and not the same."""
    return [
        field
        for field in FIELDS
        if (ours := value_of(target, field))
        and (theirs := value_of(source, field))
        and ours != theirs
    ]


def clashing_values(source: Customer, target: Customer) -> list[str]:
    """The keys of the custom fields of which both have a value, and not the same."""
    theirs = source.custom_fields
    return [k for k, ours in target.custom_fields.items() if k in theirs and theirs[k] != ours]


def value_of(customer: Customer, field: str) -> Any:
    if field == "annual_revenue":
        pair = tuple(getattr(customer, column) for column in FIELDS[field])
        return None if None in pair else pair
    return getattr(customer, FIELDS[field][0])


def survivor_columns(source: Customer, target: Customer, sides: dict[str, Side]) -> dict[str, Any]:
    """Every column that a merge may change, as the survivor will have it. Raises InvalidInput."""
    columns = {
        column: getattr(source if sides[field] == "source" else target, column)
        for field, group in FIELDS.items()
        for column in group
    }
    columns |= _combined(source, target)
    columns["custom_fields"] = _custom_fields(source, target, sides)
    _check(source, target, columns)
    return columns


def _custom_fields(source: Customer, target: Customer, sides: Mapping[str, Side]) -> dict[str, Any]:
    taken = {
        key: (source if side == "source" else target).custom_fields.get(key)
        for name, side in sides.items()
        if (key := name.removeprefix(_CUSTOM)) != name
    }
    return {key: value for key, value in taken.items() if value is not None}


def _combined(source: Customer, target: Customer) -> dict[str, Any]:
    both = (target, source)
    profile = max((c.profile_status for c in both), key=_PROFILES.index)
    ends = [c.expires_at for c in both if c.expires_at is not None]
    since = [c.customer_since for c in both if c.customer_since is not None]
    identified = (
        target if target.identity_verified_at or not source.identity_verified_at else source
    )
    return {
        "profile_status": profile,
        "expires_at": max(ends) if profile == "guest" and len(ends) == len(both) else None,
        "status": _status(source.status, target.status),
        "customer_since": min(since, default=None),
    } | {column: getattr(identified, column) for column in COMBINED["identity_verified"]}


def _status(source: str, target: str) -> str:
    """A block stays, and one who is active in either place is active."""
    return target if target == "blocked" or source != "active" else "active"


def _check(source: Customer, target: Customer, columns: dict[str, Any]) -> None:
    """A choice must not take away what the profile needs and one of the two has."""
    if columns["profile_status"] == "guest":
        return
    errors = []
    if not columns["phone"] and (source.phone or target.phone):
        errors.append(FieldError("choices.phone", "the survivor would have no phone", "required"))
    names = ("name", "name2")
    if not any(columns[name] for name in names) and any(
        getattr(customer, name) for name in names for customer in (source, target)
    ):
        errors.append(FieldError("choices.name", "the survivor would have no name", "required"))
    if errors:
        raise invalid_input(errors)


_WIRE_NAMES = {field.name: field.encode_name for field in msgspec.structs.fields(CustomerView)}


def wire_name(field: str) -> str:
    return _WIRE_NAMES[field]
