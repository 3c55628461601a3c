"""Customers through the API, with phones that no other test uses."""

import itertools
import random
import string
from typing import Any

import httpx

_NUMBERS = itertools.count()


def new_phone() -> str:
    """A valid Omani mobile, E.164, in more than one digit another than the last."""
    return f"+968{90_000_000 + next(_NUMBERS) * 3_104_729 % 9_900_000}"


def create_stub(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    body = {"type": "stub", "name": "Amal Al Balushi", "phone": new_phone()} | fields
    answer = client.post("/customers", json=body)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def create_guest(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = client.post("/customers", json={"type": "guest"} | fields)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def new_name() -> str:
    """Two words that no other customer has, so that nobody is taken for a duplicate."""
    letters = "".join(random.choices(string.ascii_lowercase, k=14))  # noqa: S311 - no secret
    return f"{letters[:7]} {letters[7:]}".title()
