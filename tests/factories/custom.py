"""Custom fields of a tenant."""

from typing import Any

import httpx


def define(api: httpx.Client, key: str, kind: str, **more: Any) -> dict[str, Any]:
    options = ["gold", "silver"] if kind == "choice" else []
    body = {"key": key, "label": key.title(), "kind": kind, "options": options} | more
    answer = api.post("/custom-fields", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made
