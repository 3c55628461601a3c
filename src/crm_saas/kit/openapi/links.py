"""Links of the OpenAPI document: from what was made to all that can be done with it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

# By schema: which part of a path its answer names, and where in the answer (JSON pointer).
Names = Mapping[str, Mapping[str, str]]

# At once, or begun: a job that can be asked after.
_CREATED = ("201", "202")
_PART = re.compile(r"\{(\w+)\}")
_MEDIA_TYPE = "application/json"


def add_links(document: Json, names: Names) -> None:
    """Links each answer that creates something to the operations below it.

    An operation enters by itself when all parts of its path are named.
    """
    targets = [(operation["operationId"], parts_of(path)) for path, operation in _every(document)]
    for _, operation in _every(document):
        answers = (operation["responses"].get(status) for status in _CREATED)
        created = next(filter(None, answers), None)
        found = names.get(_schema_of(created)) if created else None
        if created is None or found is None:
            continue
        created["links"] = {
            target: {
                "operationId": target,
                "parameters": {part: f"$response.body#/{found[part]}" for part in parts},
            }
            for target, parts in targets
            if parts and set(parts) <= found.keys()
        }


def parts_of(path: str) -> list[str]:
    return _PART.findall(path)


def _every(document: Json) -> Iterator[tuple[str, Json]]:
    for path, item in document["paths"].items():
        for operation in item.values():
            if isinstance(operation, dict) and "operationId" in operation:
                yield path, operation


def _schema_of(response: Json) -> str:
    schema = response.get("content", {}).get(_MEDIA_TYPE, {}).get("schema", {})
    return str(schema.get("$ref", "")).rpartition("/")[2]
