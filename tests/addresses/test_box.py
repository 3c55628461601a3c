"""The bounding box holds whatever the haversine formula finds within the radius."""

from math import asin, cos, radians, sin, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_saas.addresses.near import EARTH_RADIUS_KM, RADIUS_KM_MAX, Box, bounding_box

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
radiuses = st.floats(0.001, RADIUS_KM_MAX)


@given(latitudes, longitudes, radiuses, latitudes, longitudes)
def test_no_point_within_the_radius_is_outside(
    latitude: float, longitude: float, radius_km: float, other: float, across: float
) -> None:
    if haversine_km(latitude, longitude, other, across) <= radius_km:
        assert holds(bounding_box(latitude, longitude, radius_km), other, across)


@given(latitudes, longitudes, radiuses, st.floats(-1, 1), st.floats(-1, 1))
def test_no_neighbour_within_the_radius_is_outside(
    latitude: float, longitude: float, radius_km: float, north: float, east: float
) -> None:
    """Points at random are far apart; these are not."""
    reach = radius_km / 111.0
    other = max(-90.0, min(90.0, latitude + north * reach))
    across = (longitude + east * reach / max(cos(radians(latitude)), 0.01) + 540) % 360 - 180
    if haversine_km(latitude, longitude, other, across) <= radius_km:
        assert holds(bounding_box(latitude, longitude, radius_km), other, across)


@pytest.mark.parametrize(
    ("latitude", "longitude", "ranges"),
    [(23.6, 58.4, 1), (-17.0, 179.99, 2), (-17.0, -179.99, 2), (89.99, 0.0, 1), (-90.0, 12.0, 1)],
)
def test_two_ranges_only_across_the_antimeridian(
    latitude: float, longitude: float, ranges: int
) -> None:
    box = bounding_box(latitude, longitude, 50)
    assert len(box.longitudes) == ranges
    assert all(-180 <= west <= east <= 180 for west, east in box.longitudes)


def test_the_box_of_a_town_is_small() -> None:
    box = bounding_box(23.6, 58.4, 5)
    assert box.north - box.south < 0.1
    assert sum(east - west for west, east in box.longitudes) < 0.1


def holds(box: Box, latitude: float, longitude: float) -> bool:
    return box.south <= latitude <= box.north and any(
        west <= longitude <= east for west, east in box.longitudes
    )


def haversine_km(latitude: float, longitude: float, other: float, across: float) -> float:
    here, there = radians(latitude), radians(other)
    chord = (
        sin((there - here) / 2) ** 2
        + cos(here) * cos(there) * sin(radians(across - longitude) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, chord)))
