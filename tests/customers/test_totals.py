"""How many there are: only when asked for, and no further than a cap."""

from typing import Any

import httpx
import pytest

from crm_saas.kit.wire import Call, Wire
from factories.customers import create_guest, create_stub


def test_a_total_only_when_asked_for(api: httpx.Client) -> None:
    for _ in range(3):
        create_guest(api)
    create_stub(api, name="Salma")
    page = api.get("/customers").json()
    assert (page["total"], page["totalIsCapped"]) == (None, None)
    page = api.get("/customers", params={"total": "true", "limit": 1}).json()
    assert (page["total"], page["totalIsCapped"]) == (4, False)
    page = api.get("/customers", params={"total": "true", "search": "salma"}).json()
    assert (page["total"], page["totalIsCapped"]) == (1, False)


def test_a_search_with_its_total_runs_once(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run is as dear as the page itself."""
    made = [create_stub(api, name=f"Salma {letter}")["id"] for letter in "abc"]
    searches: list[bool] = []
    send = Wire.send

    def noted_send(wire: Wire, *calls: Call) -> Any:
        searches.extend("search_customers(" in call.statement.text for call in calls)
        return send(wire, *calls)

    monkeypatch.setattr(Wire, "send", noted_send)
    asked = {"search": "salma", "total": "true", "limit": 2}
    first = api.get("/customers", params=asked).json()
    second = api.get("/customers", params={**asked, "cursor": first["nextCursor"]}).json()
    blocked = api.get("/customers", params={**asked, "status": "blocked"}).json()
    assert sum(searches) == 3
    assert [c["id"] for c in first["items"] + second["items"]] == made
    assert [page["total"] for page in (first, second, blocked)] == [3, 3, 0]


def test_a_total_has_a_cap(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm_saas.customers.listing.TOTAL_CAP", 2)
    for _ in range(3):
        create_guest(api)
    page = api.get("/customers", params={"total": "true"}).json()
    assert (page["total"], page["totalIsCapped"]) == (2, True)
