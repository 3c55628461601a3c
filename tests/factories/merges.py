"""Merges through the API."""

from typing import Any

import httpx


def ask(client: httpx.Client, source: Any, target: Any, **more: Any) -> httpx.Response:
    body = {"sourceId": source["id"], "targetId": target["id"]} | more
    return client.post("/customers/merge", json=body)


def merge(client: httpx.Client, source: Any, target: Any, **more: Any) -> dict[str, Any]:
    answer = ask(client, source, target, **more)
    assert answer.status_code == 201, answer.text
    done: dict[str, Any] = answer.json()
    return done


def undo(client: httpx.Client, done: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(f"/merges/{done['id']}/undo")
    assert answer.status_code == 200, answer.text
    undone: dict[str, Any] = answer.json()
    return undone


def read(client: httpx.Client, customer: Any) -> dict[str, Any]:
    answer = client.get(f"/customers/{customer['id']}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def addresses_of(client: httpx.Client, customer: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get(f"/customers/{customer['id']}/addresses").json()[
        "items"
    ]
    return items
