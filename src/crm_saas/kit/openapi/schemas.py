"""The schemas of the OpenAPI document, by msgspec from the structs that routes take and give."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from inspect import cleandoc
from typing import Any, get_args

import msgspec
from litestar.handlers import HTTPRouteHandler

from crm_saas.kit.queries import dotted

Json = dict[str, Any]

_PREFIX = "#/components/schemas/"


def component_schemas(handlers: Iterable[HTTPRouteHandler]) -> dict[str, Json]:
    """Raises ValueError when two structs share a name: clients name their types by it."""
    taken: set[type] = set()
    given: set[type] = set()
    for handler in handlers:
        if (data := handler.parsed_fn_signature.parameters.get("data")) is not None:
            taken |= _structs(data.annotation)
        given |= _structs(handler.parsed_fn_signature.return_type.annotation)
        for spec in (handler.responses or {}).values():
            given |= _structs(spec.data_container)
    kinds = {kind.__name__: kind for kind in taken | given}
    _, schemas = msgspec.json.schema_components(taken | given, ref_template=_PREFIX + "{name}")
    if shared := sorted(schemas.keys() - kinds.keys()):
        raise ValueError(f"Two structs of the API share one name; rename one of {shared}.")
    for name, schema in schemas.items():
        if kinds[name] not in taken:
            # Answers may gain fields; a client that refuses them would break.
            schema.pop("additionalProperties", None)
        if "description" in schema:
            schema["description"] = cleandoc(schema["description"])
        _mark_times(kinds[name], schema)
        tidy(schema)
    return dict(sorted(schemas.items()))


def query_parameters(kind: type[msgspec.Struct]) -> list[Json]:
    """Those of a route that reads its query into a struct (kit/queries.py)."""
    schemas = msgspec.json.schema_components([kind], ref_template=_PREFIX + "{name}")[1]
    schema = schemas[kind.__name__]
    _mark_times(kind, schema)
    tidy(schema)
    parameters = []
    # What OpenAPI has no words for is in the words of the struct.
    left_out = dotted(kind)
    for name, place in schema["properties"].items():
        if name in left_out:
            continue
        place.pop("default", None)
        parameters.append({"name": name, "in": "query", "schema": without_null(place)})
    return parameters


def tidy(node: object) -> None:
    """Tidies Litestar's and msgspec's schemas within `node`, in place."""
    match node:
        case dict():
            for word in ("deprecated", "allowEmptyValue", "allowReserved"):
                if node.get(word) is False:
                    del node[word]
            if isinstance(node.get("oneOf"), list):
                # A value may fit more than one branch; nothing chooses between them.
                node["anyOf"] = node.pop("oneOf")
            if "in" in node and "schema" in node:
                node["schema"] = without_null(node["schema"])
            values = node.get("enum")
            if isinstance(values, list) and all(isinstance(value, str) for value in values):
                node.setdefault("type", "string")
            for value in node.values():
                tidy(value)
        case list():
            for value in node:
                tidy(value)


def without_null(schema: Json) -> Json:
    """For what can be absent but not null: parameters, and a body as a whole."""
    branches = schema.get("anyOf") or schema.get("oneOf")
    if not branches:
        return schema
    kept = [branch for branch in branches if branch != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "oneOf"}}
    return {**kept[0], **rest} if len(kept) == 1 else {**rest, "anyOf": kept}


def _structs(annotation: object) -> set[type]:
    """The structs in an annotation such as `list[CustomerView] | None`, and those within them."""
    found: set[type] = set()
    waiting = [annotation]
    while waiting:
        for part in _parts(waiting.pop()):
            if isinstance(part, type) and issubclass(part, msgspec.Struct) and part not in found:
                found.add(part)
                waiting += [field.type for field in msgspec.structs.fields(part)]
    return found


def _parts(annotation: object) -> Iterator[object]:
    yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)


def _mark_times(kind: type, schema: Json) -> None:
    """msgspec leaves the format out, since the type alone does not promise an offset."""
    for field in msgspec.structs.fields(kind):
        if datetime in _parts(field.type):
            place = schema["properties"][field.encode_name]
            for branch in place.get("anyOf", [place]):
                if branch.get("type") == "string":
                    branch.setdefault("format", "date-time")
