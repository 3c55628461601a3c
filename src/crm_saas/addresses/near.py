"""Which addresses lie within a radius of a point (SPEC 4.3)."""

from dataclasses import dataclass
from math import asin, cos, degrees, isfinite, radians, sin
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Float, and_, func, literal, or_

from crm_saas.addresses.models import Address
from crm_saas.addresses.queries import visible
from crm_saas.customers.models import Customer
from crm_saas.kit.context import Context
from crm_saas.kit.errors import InvalidInput

EARTH_RADIUS_KM = 6371.0088  # the mean radius, IUGG
RADIUS_KM_MAX = 5_000
LIMIT_MAX = 200
# A box a hair too large, since its own arithmetic rounds: the distance decides, not the box.
_SLACK_DEGREES = 1e-9
_KM_DECIMALS = 6  # millimetres; what follows is noise


class Box(NamedTuple):
    """Degrees that hold every point of a circle. Across the antimeridian there are two ranges."""

    south: float
    north: float
    longitudes: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class NearAddress:
    address: Address
    distance_km: float
    customer_number: str
    customer_display_name: str


async def find_near(
    context: Context, *, latitude: float, longitude: float, radius_km: float, limit: int
) -> list[NearAddress]:
    """The nearest first, the older one of two at the same distance."""
    for field, value in (("latitude", latitude), ("longitude", longitude), ("radiusKm", radius_km)):
        if not isfinite(value):
            raise InvalidInput.of(field, "must be a number")
    distance = distance_km(latitude, longitude)
    rows = await context.session.execute(
        visible(context, Address, distance, Customer.customer_number, Customer.display_name)
        .where(within(bounding_box(latitude, longitude, radius_km)), distance <= radius_km)
        .order_by(distance, Address.id)
        .limit(limit)
    )
    return [
        NearAddress(address, round(km, _KM_DECIMALS), number, name)
        for address, km, number, name in rows
    ]


def bounding_box(latitude: float, longitude: float, radius_km: float) -> Box:
    """After Matuschek, "Finding points within a distance of a latitude/longitude"."""
    angle = radius_km / EARTH_RADIUS_KM
    reach = degrees(angle) + _SLACK_DEGREES
    south, north = latitude - reach, latitude + reach
    if south <= -90 or north >= 90:
        # A pole is inside: every meridian is.
        return Box(max(south, -90.0), min(north, 90.0), ((-180.0, 180.0),))
    spread = degrees(asin(min(1.0, sin(angle) / cos(radians(latitude))))) + _SLACK_DEGREES
    west, east = longitude - spread, longitude + spread
    if west <= -180:
        return Box(south, north, ((-180.0, east), (west + 360, 180.0)))
    if east >= 180:
        return Box(south, north, ((west, 180.0), (-180.0, east - 360)))
    return Box(south, north, ((west, east),))


def within(box: Box) -> ColumnElement[bool]:
    """Comparisons of float8 only: they are leakproof, so that the index serves under RLS."""
    longitude = Address.longitude_degrees
    return and_(
        Address.latitude_degrees.between(box.south, box.north),
        or_(*(longitude.between(west, east) for west, east in box.longitudes)),
    )


def distance_km(latitude: float, longitude: float) -> ColumnElement[float]:
    """The haversine formula; `least` since rounding may take antipodes past 1."""
    here = func.radians(literal(latitude, Float))
    there = func.radians(Address.latitude_degrees)
    across = func.radians(Address.longitude_degrees - literal(longitude, Float))
    half_chord = _squared(func.sin((there - here) / 2.0)) + func.cos(here) * func.cos(
        there
    ) * _squared(func.sin(across / 2.0))
    whole: ColumnElement[float] = (
        2 * EARTH_RADIUS_KM * func.asin(func.sqrt(func.least(1.0, half_chord)), type_=Float)
    )
    return whole


def _squared(value: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.power(value, 2.0, type_=Float)
