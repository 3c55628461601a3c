"""Bodies of the API on addresses. A field that ends in 2 is the same in the second script."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from crm_saas.addresses.models import Address
from crm_saas.kit.schemas import Struct
from crm_saas.kit.texts import READABLE

AddressType = Literal["home", "work", "other"]
VerificationStatus = Literal["pending", "verified", "rejected"]
Decision = Literal["verified", "rejected"]

BULK_ITEMS_MAX = 200

Short = Annotated[str, Meta(max_length=40, pattern=READABLE)]
Line = Annotated[str, Meta(max_length=200, pattern=READABLE)]
Notes = Annotated[str, Meta(max_length=1000, pattern=READABLE)]
CountryText = Annotated[
    str, Meta(min_length=2, max_length=2, description="ISO 3166-1 alpha-2.", examples=["OM"])
]
# A number is read as a double; a string keeps every digit of it.
_Decimal = Annotated[
    str, Meta(max_length=40, pattern=r"^-?[0-9]{1,3}(\.[0-9]{1,30})?$", examples=["23.588"])
]
Latitude = Annotated[float, Meta(ge=-90, le=90, examples=[23.588])] | _Decimal
Longitude = Annotated[float, Meta(ge=-180, le=180, examples=[58.3829])] | _Decimal


class PatchAddress(Struct):
    """What is absent stays; null empties. A new place puts the address back to pending."""

    type: AddressType | UnsetType = UNSET
    label: Line | UnsetType | None = UNSET
    label2: Line | UnsetType | None = UNSET
    building: Line | UnsetType | None = UNSET
    building2: Line | UnsetType | None = UNSET
    floor: Short | UnsetType | None = UNSET
    apartment: Short | UnsetType | None = UNSET
    street: Line | UnsetType | None = UNSET
    street2: Line | UnsetType | None = UNSET
    area: Line | UnsetType | None = UNSET
    area2: Line | UnsetType | None = UNSET
    city: Line | UnsetType | None = UNSET
    city2: Line | UnsetType | None = UNSET
    postal_code: Short | UnsetType | None = UNSET
    country: CountryText | UnsetType = UNSET
    delivery_notes: Notes | UnsetType | None = UNSET
    latitude: Latitude | UnsetType | None = UNSET
    longitude: Longitude | UnsetType | None = UNSET
    is_default: bool | UnsetType = UNSET


class CreateAddress(PatchAddress):
    """A place in words, as coordinates, or both. The country is the tenant's unless sent.

    The first address of a customer becomes the default.
    """

    type: AddressType = "home"


class AddressView(Struct):
    id: UUID
    customer_id: UUID
    type: AddressType
    label: str | None
    label2: str | None
    building: str | None
    building2: str | None
    floor: str | None
    apartment: str | None
    street: str | None
    street2: str | None
    area: str | None
    area2: str | None
    city: str | None
    city2: str | None
    postal_code: str | None
    country: str
    delivery_notes: str | None
    latitude: float | None
    longitude: float | None
    is_default: bool
    verification_status: VerificationStatus
    pending_since: datetime | None
    verified_by: UUID | None
    verified_by_name: str | None
    verified_at: datetime | None
    verification_notes: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class AddressList(Struct):
    items: list[AddressView]
    next_cursor: str | None


class NearAddressView(AddressView):
    """`distanceKm` along the surface of the earth, by the haversine formula."""

    distance_km: float
    customer_number: str
    customer_display_name: str


class NearAddressList(Struct):
    """The nearest first. `limit` was reached where there are as many items as it allows."""

    items: list[NearAddressView]


class WaitingAddressView(AddressView):
    customer_number: str
    customer_display_name: str


class WaitingAddressList(Struct):
    items: list[WaitingAddressView]
    next_cursor: str | None


class Verify(Struct):
    notes: Notes | None = None


class Reject(Struct):
    """The notes say what is wrong with the address."""

    notes: Annotated[str, Meta(min_length=1, max_length=1000, pattern=READABLE)]


class BulkItem(Struct):
    customer_id: UUID
    address_id: UUID
    decision: Decision
    notes: Notes | None = None


class VerifyInBulk(Struct):
    items: Annotated[list[BulkItem], Meta(min_length=1, max_length=BULK_ITEMS_MAX)]


class BulkOutcome(Struct):
    """`verificationStatus` is the address's status now; none where it was not found."""

    customer_id: UUID
    address_id: UUID
    outcome: Literal["verified", "rejected", "alreadyDecided", "notFound"]
    verification_status: VerificationStatus | None


class BulkResult(Struct):
    """One outcome an item, in the order of the items."""

    items: list[BulkOutcome]
    decided: int
    refused: int


class DeciderCount(Struct):
    decided_by: UUID | None
    name: str | None
    verified: int
    rejected: int


class VerificationStatistics(Struct):
    """Of the addresses that the caller may see. `deciders` are the busiest hundred."""

    total: int
    pending: int
    verified: int
    rejected: int
    oldest_pending_since: datetime | None
    deciders: list[DeciderCount]


def values_of(address: Address) -> dict[str, Any]:
    """The view's fields by their names in Python."""
    values = {name: getattr(address, name) for name in AddressView.__struct_fields__}
    for name in ("latitude", "longitude"):
        if values[name] is not None:
            # Digit by digit: a float would round what numeric has kept.
            values[name] = msgspec.Raw(f"{values[name]:f}".encode())
    return values


def view(address: Address) -> AddressView:
    return AddressView(**values_of(address))
