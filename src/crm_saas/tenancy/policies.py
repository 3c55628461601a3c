"""What a tenant may have its own way, and its bounds."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.schemas import END

# As customers may have them (customers/schemas.py).
STAGE_PATTERN = r"^[a-z][A-Za-z0-9_-]{0,39}"
Stage = Annotated[str, Meta(pattern=STAGE_PATTERN + END)]
Requests = Annotated[int, Meta(ge=0, le=10_000_000)]
Days = Annotated[int, Meta(ge=1, le=3650)]


class Policies(msgspec.Struct, forbid_unknown_fields=True):
    """None goes back to the default."""

    journey_stages: Annotated[list[Stage], Meta(min_length=1, max_length=50)] | UnsetType | None = (
        UNSET
    )
    """The first is that of new customers."""
    guest_expiry_days: Days | UnsetType | None = UNSET
    merge_undo_days: Annotated[int, Meta(ge=0, le=3650)] | UnsetType | None = UNSET
    otp_channels: (
        Annotated[list[Annotated[str, Meta(max_length=20)]], Meta(min_length=1, max_length=10)]
        | UnsetType
        | None
    ) = UNSET
    preferences_schema: dict[str, Any] | UnsetType | None = UNSET
    requests_per_minute: Requests | UnsetType | None = UNSET
    """Of all its credentials together; 0 is no limit."""
    requests_per_minute_key: Requests | UnsetType | None = UNSET
    """Of each key and each staff session."""


class _NumberFormat(msgspec.Struct):
    number_prefix: (
        Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{0,20}" + END, examples=["CUST-"])] | None
    )
    number_width: Annotated[int, Meta(ge=1, le=18)] | None


def check_policies(policies: dict[str, Any]) -> None:
    """Raises InvalidInput for an unknown policy and for what is out of bounds."""
    _check(policies, Policies)
    stages = policies.get("journey_stages") or []
    if len(set(stages)) < len(stages):
        raise InvalidInput.of("journey_stages", "each stage may be named once")


def check_number_format(prefix: str | None, width: int | None) -> None:
    _check({"number_prefix": prefix, "number_width": width}, _NumberFormat)


def _check(values: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    try:
        msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$.")
        raise InvalidInput.of(place.rstrip("`"), problem) from error
