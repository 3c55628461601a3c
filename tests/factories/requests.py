"""Requests for every operation of the API, made from its OpenAPI document.

What names something of a tenant's – an id, a customer number, a phone, an e-mail – is a slot in
them, filled from whose things the test means.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

Json = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")

# What a name means, most particular first.
KINDS = {
    r"address_?id": "address",
    r"key_?id": "key",
    r"session_?id": "session",
    r"team_?id": "team",
    r"member_?id|assigned_?to|actor_?id": "member",
    r"merge_?id": "merge",
    r"suggestion_?id": "suggestion",
    r"sweep_?id": "sweep",
    r"target_?id": "other_customer",
    r"customer_?id|source_?id": "customer",
    r"customer_?number": "number",
    r"phone": "phone",
    r"email": "email",
}


class Slot(NamedTuple):
    """A place for one thing of somebody's."""

    kind: str


FRESH = Slot("fresh")  # a word that was never used before, whoever sends it


class NoRequest(AssertionError):
    """The document does not say how to make a request; the text says what to add."""


@dataclass(frozen=True)
class Call:
    """One request of an operation, its slots open."""

    operation: str
    method: str
    path: str
    names: Json = field(default_factory=dict)  # of the path
    query: Json = field(default_factory=dict)
    body: Any = None
    added: str = ""  # the optional field that makes it differ from the plainest call

    @property
    def kinds(self) -> list[str]:
        found = dict.fromkeys(s.kind for s in _slots([self.names, self.query, self.body]))
        return [kind for kind in found if kind != FRESH.kind]

    def fill(self, thing: Callable[[str], str]) -> Json:
        """Arguments for httpx, with `thing(kind)` in each slot."""
        names, query, body = (_filled(part, thing) for part in (self.names, self.query, self.body))
        path = self.path.removeprefix("/api/v1").format_map(names)
        sent: Json = {"method": self.method.upper(), "url": path, "params": query}
        return sent | ({} if body is None else {"json": body})


def operations(document: Json) -> Iterator[tuple[str, str, str, Json]]:
    """(id, method, path, operation) of each."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield item[method]["operationId"], method, path, item[method]


def calls_of(
    document: Json, operation: str, body: Any = None, names: Json | None = None
) -> Iterator[Call]:
    """The plainest call, and one for each optional field that names something of a tenant's.

    `body` stands in for the one that the document suggests, `names` for parts of the path.
    Raises NoRequest.
    """
    found = next(entry for entry in operations(document) if entry[0] == operation)
    _, method, path, described = found
    made = _Maker(document, operation)
    parameters = [p for p in described.get("parameters", []) if "name" in p]
    in_path = {
        p["name"]: made.value(p["name"], p["schema"]) for p in parameters if p["in"] == "path"
    } | (names or {})
    queries = {p["name"]: p for p in parameters if p["in"] == "query"}
    query = {
        name: made.value(name, p["schema"]) for name, p in queries.items() if p.get("required")
    }
    content = described.get("requestBody", {}).get("content", {}).get("application/json")
    if content is not None and body is None:
        body = made.body(content)
    plain = Call(operation, method, path, in_path, query, body)
    yield plain
    for name, parameter in queries.items():
        slot = made.slot(name, parameter["schema"])
        if slot is not None and name not in query:
            yield replace(plain, query=query | {name: slot}, added=name)
    if content is not None and isinstance(body, dict):
        for name, schema in made.resolved(content["schema"]).get("properties", {}).items():
            slot = made.slot(name, schema)
            if slot is not None and name not in body:
                yield replace(plain, body=body | {name: slot}, added=name)


class _Maker:
    def __init__(self, document: Json, operation: str) -> None:
        self._schemas = document["components"]["schemas"]
        self._operation = operation

    def body(self, content: Json) -> Any:
        """The example with its slots open, or else the required fields."""
        if "example" in content:
            return self._opened(content["example"], content["schema"])
        return self.value("body", content["schema"])

    def slot(self, name: str, schema: Json) -> Slot | None:
        kind = next(
            (k for pattern, k in KINDS.items() if re.fullmatch(pattern, _snake(name))), None
        )
        if kind is None and self.resolved(schema).get("format") == "uuid":
            raise NoRequest(
                f"{self._operation} takes an id named {name!r}. "
                "Say in KINDS (tests/factories/requests.py) what it is the id of."
            )
        return Slot(kind) if kind else None

    def value(self, name: str, schema: Json) -> Any:
        """The first that the schema offers, else the least that it accepts."""
        if slot := self.slot(name, schema):
            return slot
        if name in {"name", "idempotencyKey"}:
            return FRESH
        schema = self.resolved(schema)
        offered = [schema[key] for key in ("const", "default") if key in schema]
        offered += [*schema.get("examples", []), *schema.get("enum", [])]
        return offered[0] if offered else self._least(name, schema)

    def _least(self, name: str, schema: Json) -> Any:
        match schema.get("type"):
            case "object":
                wanted = schema.get("required", [])
                return {n: self.value(n, schema["properties"][n]) for n in wanted}
            case "array":
                return [self.value(name, schema["items"])]
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return False
            case "string" if not {"pattern", "format"} & schema.keys():
                return "x" * max(schema.get("minLength", 1), 1)
        raise NoRequest(
            f"No value for {name!r} of {self._operation} can be made from its schema. "
            "Give the operation an example in crm_saas/examples/bodies.py."
        )

    def resolved(self, schema: Json) -> Json:
        """Without references, and the first of several that is not null."""
        while True:
            if "$ref" in schema:
                schema = self._schemas[schema["$ref"].rpartition("/")[2]]
            elif options := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
                schema = next(o for o in options if o.get("type") != "null")
            else:
                return schema

    def _opened(self, example: Any, schema: Json) -> Any:
        schema = self.resolved(schema)
        if isinstance(example, list):
            return [self._opened(item, schema["items"]) for item in example]
        if not isinstance(example, dict):
            return example
        opened = {}
        for name, value in example.items():
            described = schema.get("properties", {}).get(name, {})
            if name in {"name", "idempotencyKey"}:
                opened[name] = FRESH
            else:
                opened[name] = self.slot(name, described) or self._opened(value, described)
        return opened


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _slots(value: Any) -> Iterator[Slot]:
    if isinstance(value, Slot):
        yield value
    elif isinstance(value, dict):
        yield from itertools.chain.from_iterable(map(_slots, value.values()))
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(map(_slots, value))


def _filled(value: Any, thing: Callable[[str], str]) -> Any:
    if isinstance(value, Slot):
        return thing(value.kind)
    if isinstance(value, dict):
        return {name: _filled(part, thing) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, thing) for part in value]
    return value
