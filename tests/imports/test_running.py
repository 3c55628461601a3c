"""From the file to the customers."""

from collections.abc import Callable

import httpx
import pytest

from factories.customers import create_stub, new_phone
from factories.imports import Importing

Begin = Callable[..., Importing]
HEADER = ["Name", "Phone", "E-mail", "City"]


def by_phone(api: httpx.Client, phone: str) -> list[dict]:
    return api.get("/customers", params={"phone": phone}).json()["items"]


def test_rows_become_customers(api: httpx.Client, begin: Begin) -> None:
    one, two = new_phone(), new_phone()
    importing = begin(
        HEADER,
        ["Amal Al Balushi", one, "Amal@Example.com", "Muscat"],
        ["Said", f"'{two[4:]}", "", ""],
        ["", "", "", ""],
        ["Nobody", "12", "", ""],
    )
    state = importing.run()
    assert state["status"] == "done", state
    assert importing.counts == {"created": 2, "refused": 1}
    [amal] = by_phone(api, one)
    assert amal["customerNumber"] == "CUST-00001"
    assert (amal["name"], amal["displayName"]) == ("Amal Al Balushi", "Amal Al Balushi")
    assert (amal["email"], amal["profileStatus"]) == ("Amal@example.com", "stub")
    [address] = api.get(f"/customers/{amal['id']}/addresses").json()["items"]
    assert (address["city"], address["country"], address["isDefault"]) == ("Muscat", "OM", True)
    [said] = by_phone(api, two)
    assert said["customerNumber"] == "CUST-00002"
    assert api.get(f"/customers/{said['id']}/addresses").json()["items"] == []
    [refused] = importing.rows("refused")
    assert refused["rowNumber"] == 5
    assert refused["problems"][0]["column"] == "Phone"
    assert refused["problems"][0]["value"] == "12"
