"""From what the caller sent to column values: checked, every error at once."""

import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crm_saas.addresses.countries import COUNTRIES
from crm_saas.addresses.schemas import CreateAddress, PatchAddress
from crm_saas.kit.context import Tenant
from crm_saas.kit.errors import FieldError
from crm_saas.kit.problems import invalid_input
from crm_saas.kit.schemas import provided
from crm_saas.kit.texts import tidy_line

DECIMALS_MAX = 30
_DEGREES_MAX = {"latitude": 90, "longitude": 180}
_WORDS = frozenset({"street", "street2", "area", "area2", "city", "city2", "building", "building2"})
# What a verification vouches for: a change of any of these asks for a new one.
PLACE = _WORDS | {"floor", "apartment", "postal_code", "country", "latitude", "longitude"}


def new_columns(tenant: Tenant, sent: CreateAddress, place: str = "") -> dict[str, Any]:
    """`place` is where the address stands in the body, such as `addresses[0].`."""
    columns = {"country": tenant.default_region} | read_fields(sent, place)
    check_place(columns, place)
    return columns


def read_fields(sent: PatchAddress, place: str = "") -> dict[str, Any]:
    """Column values for what was sent. Raises InvalidInput with one entry a field."""
    columns: dict[str, Any] = {}
    errors: list[FieldError] = []
    names = dict(zip(sent.__struct_fields__, sent.__struct_encode_fields__, strict=True))
    for field, value in provided(sent).items():
        try:
            columns[field] = _read(field, value)
        except ValueError as error:
            errors.append(FieldError(place + names[field], str(error)))
    if errors:
        raise invalid_input(errors)
    return columns


def check_place(columns: Mapping[str, Any], place: str = "") -> None:
    """A whole address: coordinates come in pairs, and something says where it is."""
    latitude, longitude = columns.get("latitude"), columns.get("longitude")
    if (latitude is None) != (longitude is None):
        missing = "latitude" if latitude is None else "longitude"
        raise invalid_input(
            [FieldError(place + missing, "latitude and longitude go together", "required")]
        )
    if latitude is None and not any(columns.get(name) for name in _WORDS):
        raise invalid_input(
            [
                FieldError(
                    f"{place}street",
                    "send at least one of street, area, city, building, or latitude and longitude",
                    "required",
                )
            ]
        )


def _read(field: str, value: Any) -> Any:
    match field, value:
        case (("latitude" | "longitude"), (float() | str())):
            return _degrees(value, _DEGREES_MAX[field])
        case "country", str():
            if value.upper() not in COUNTRIES:
                raise ValueError("must be a country of ISO 3166-1, such as OM")
            return value.upper()
        case "delivery_notes", str():
            return unicodedata.normalize("NFC", value.strip()) or None
        case _, str():
            return tidy_line(value) or None
    return value


def _degrees(value: float | str, degrees_max: int) -> Decimal:
    """A double by its shortest form that reads back as the same; a string digit by digit."""
    number = Decimal(value if isinstance(value, str) else repr(value))
    if abs(number) > degrees_max:
        raise ValueError(f"must lie between -{degrees_max} and {degrees_max}")
    if -int(number.as_tuple().exponent) > DECIMALS_MAX:
        raise ValueError(f"must have {DECIMALS_MAX} decimals at the most")
    return number
