"""Addresses through the API; `addresses` is the path of a customer's."""

from typing import Any

import httpx


def add_address(client: httpx.Client, addresses: str, **fields: Any) -> str:
    """The id of a new one."""
    answer = client.post(addresses, json={"city": "Muscat"} | fields)
    assert answer.status_code == 201, answer.text
    address_id: str = answer.json()["id"]
    return address_id
