"""Addresses within a radius, the nearest first (SPEC 4.3)."""

import httpx
import pytest

MUSCAT = {"latitude": 23.588, "longitude": 58.3829}


def near(api: httpx.Client, **query: object) -> list[tuple[str, float]]:
    answer = api.get("/addresses/near", params=query)
    assert answer.status_code == 200
    return [(item["label"], item["distanceKm"]) for item in answer.json()["items"]]


def test_sorts_and_filters_by_the_way_over_the_earth(api: httpx.Client, addresses: str) -> None:
    for label, latitude, longitude in (
        ("Nizwa", 22.9333, 57.5333),
        ("Muscat", 23.588, 58.3829),
        ("Seeb", 23.6703, 58.1891),
        ("Salalah", 17.0151, 54.0924),
    ):
        body = {"label": label, "latitude": latitude, "longitude": longitude}
        assert api.post(addresses, json=body).status_code == 201
    api.post(addresses, json={"label": "Somewhere", "city": "Muscat"})
    found = near(api, **MUSCAT, radiusKm=150)
    assert [label for label, _ in found] == ["Muscat", "Seeb", "Nizwa"]
    assert [distance for _, distance in found] == pytest.approx([0, 21.76, 113.28], abs=0.01)
    assert [label for label, _ in near(api, **MUSCAT, radiusKm=1000, limit=2)] == ["Muscat", "Seeb"]
    assert near(api, latitude=0, longitude=0, radiusKm=10) == []


@pytest.mark.parametrize(
    ("here", "there", "distance_km"),
    [
        ((-16.9, 179.95), (-16.9, -179.95), 10.64),
        ((-16.9, -179.95), (-16.9, 179.95), 10.64),
        ((0, 180), (0, -180), 0),
        ((89.99, 0), (89.99, 180), 2.22),
        ((-89.99, 90), (-90, 12), 1.11),
    ],
)
def test_crosses_the_antimeridian_and_the_poles(
    api: httpx.Client,
    addresses: str,
    here: tuple[float, float],
    there: tuple[float, float],
    distance_km: float,
) -> None:
    api.post(addresses, json={"label": "There", "latitude": there[0], "longitude": there[1]})
    ((label, found_km),) = near(api, latitude=here[0], longitude=here[1], radiusKm=15)
    assert (label, found_km) == ("There", pytest.approx(distance_km, abs=0.01))
    assert near(api, latitude=here[0], longitude=here[1], radiusKm=0.001) == (
        [("There", 0)] if distance_km == 0 else []
    )


def test_the_distance_between_antipodes_is_finite(api: httpx.Client, addresses: str) -> None:
    api.post(addresses, json={"label": "There", "latitude": -23.588, "longitude": -121.6171})
    assert near(api, **MUSCAT, radiusKm=5000) == []


def test_follows_the_address_that_moves(api: httpx.Client, addresses: str) -> None:
    added = api.post(addresses, json={"label": "Home", "latitude": 1, "longitude": 1}).json()
    api.patch(f"{addresses}/{added['id']}", json=MUSCAT)
    assert [label for label, _ in near(api, **MUSCAT)] == ["Home"]
    assert near(api, latitude=1, longitude=1) == []


def test_stays_within_the_tenant(api: httpx.Client, addresses: str, foreign: httpx.Client) -> None:
    api.post(addresses, json={"label": "Ours", **MUSCAT})
    assert near(foreign, **MUSCAT) == []


@pytest.mark.parametrize(
    "query",
    [
        {"latitude": "nan"},
        {"latitude": 91},
        {"longitude": "inf"},
        {"longitude": -181},
        {"radiusKm": 0},
        {"radiusKm": 5001},
        {"radiusKm": "nan"},
        {"limit": 0},
        {"limit": 201},
    ],
)
def test_refuses_what_is_no_circle(api: httpx.Client, query: dict[str, object]) -> None:
    assert api.get("/addresses/near", params=MUSCAT | query).status_code == 422
