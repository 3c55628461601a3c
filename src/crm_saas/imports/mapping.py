"""Which column becomes which field: guessed, corrected by the caller, checked."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from crm_saas.addresses.countries import COUNTRIES
from crm_saas.custom.models import CustomField
from crm_saas.custom.values import usable_field
from crm_saas.imports.plans import UpsertBy
from crm_saas.imports.targets import (
    ADDRESS,
    CONSENT_PREFIX,
    CONSENT_REASON,
    CUSTOM,
    FIELDS,
    NUMBER,
    REVENUE,
    TWICE,
    UNKNOWN,
    custom_names,
    field_named,
    key_of,
    reason_to_leave_out,
)
from crm_saas.kit.errors import FieldError
from crm_saas.kit.problems import invalid_input

UPSERT_FIELDS: dict[UpsertBy, str] = {
    "phone": "phone",
    "email": "email",
    "customerNumber": NUMBER,
    "externalId": "externalId",
}


class Guess(msgspec.Struct, frozen=True, rename="camel"):
    """`left_out` are headers with the reason why nothing of them would be imported."""

    mapping: dict[str, str] = {}
    left_out: dict[str, str] = {}
    upsert_by: UpsertBy = "phone"


def guess(
    headers: Sequence[str], sample: Sequence[Sequence[str]], fields: Iterable[CustomField] = ()
) -> Guess:
    """`fields` are the tenant's own."""
    own = custom_names(fields)
    best: dict[str, tuple[int, str]] = {}
    left_out: dict[str, str] = {}
    for place, header in enumerate(headers):
        named = own.get(header) or field_named(header) or own.get(key_of(header))
        if named is None:
            left_out[header] = reason_to_leave_out(header) or UNKNOWN
            continue
        values = [row[place] for row in sample if place < len(row) and row[place]]
        if not _fits(named[0], values):
            left_out[header] = _UNFIT
            continue
        field, rank = named
        if field in best and best[field][0] <= rank:
            left_out[header] = TWICE
            continue
        if field in best:
            left_out[best[field][1]] = TWICE
        best[field] = (rank, header)
    found = {header: field for field, (_, header) in best.items()}
    mapping = {header: found[header] for header in headers if header in found}
    return Guess(mapping, left_out, _key(headers, sample, found))


_UNFIT = "countries are codes of two letters here, such as OM"


def _fits(field: str, values: Sequence[str]) -> bool:
    """A name that promises something else than the first rows hold would refuse each of them."""
    if field == f"{ADDRESS}country":
        return all(value.upper() in COUNTRIES for value in values)
    return True


def _key(
    headers: Sequence[str], sample: Sequence[Sequence[str]], mapping: Mapping[str, str]
) -> UpsertBy:
    """Another system's id tells best who is meant, where the first rows have one. Never a number:
    another business's is the same and means somebody else (origins.py)."""
    filled = {
        field
        for place, field in enumerate(map(mapping.get, headers))
        if any(place < len(row) and row[place] for row in sample)
    }
    order: tuple[UpsertBy, ...] = ("externalId", "phone", "email")
    mapped = [key for key in order if UPSERT_FIELDS[key] in mapping.values()]
    return next((key for key in mapped if UPSERT_FIELDS[key] in filled), [*mapped, "phone"][0])


def check_mapping(
    headers: Sequence[str],
    mapping: Mapping[str, str | None],
    upsert_by: UpsertBy,
    fields: Mapping[str, CustomField],
) -> dict[str, str]:
    """The columns that are mapped. Raises InvalidInput with one entry a column."""
    errors: list[FieldError] = []
    taken: dict[str, str] = {}
    for header, field in mapping.items():
        place = f"mapping.{header}"[:200]
        if header not in headers:
            errors.append(FieldError(place, "is no column of the file", "unknown"))
        elif field is not None and (problem := _problem(field, taken, fields)):
            errors.append(FieldError(place, problem, "invalid"))
        elif field is not None:
            taken[field] = header
    if not errors and not taken:
        errors.append(FieldError("mapping", "must map at least one column", "required"))
    for field in REVENUE:
        if field in taken and not REVENUE.keys() <= taken.keys():
            errors.append(
                FieldError("mapping", "map both parts of the annual revenue, or none", "required")
            )
            break
    if UPSERT_FIELDS[upsert_by] not in taken:
        errors.append(
            FieldError(
                "upsertBy",
                f"map a column to {UPSERT_FIELDS[upsert_by]}, or choose another",
                "unmapped",
            )
        )
    if errors:
        raise invalid_input(errors)
    return {header: field for field, header in taken.items()}


def _problem(field: str, taken: Mapping[str, str], fields: Mapping[str, CustomField]) -> str | None:
    if field.startswith(CONSENT_PREFIX):
        return CONSENT_REASON
    if field.startswith(CUSTOM):
        try:
            usable_field(fields, field.removeprefix(CUSTOM))
        except ValueError as error:
            return f"{field[:100]} {error}"
    elif field not in FIELDS:
        return f"{field[:100]} is no field; see the API's document for those that can be imported"
    if field in taken:
        return f"{field} has the column {taken[field]} already"
    return None
