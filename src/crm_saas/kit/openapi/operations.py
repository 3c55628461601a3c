"""One operation as it is served: what the middleware does, which Litestar cannot know."""

import re
from collections.abc import Iterator
from typing import Any

from litestar.handlers import HTTPRouteHandler

from crm_saas.kit.context import ANY_CREDENTIAL
from crm_saas.kit.errors import Problem, TooSlow, UnsupportedMediaType
from crm_saas.kit.idempotency import (
    KEY_LENGTH_MAX,
    IdempotencyKeyInFlight,
    IdempotencyKeyReused,
)
from crm_saas.kit.openapi.schemas import without_null
from crm_saas.kit.problems import PROBLEM_BASE, PROBLEM_MEDIA_TYPE

Json = dict[str, Any]

# Without examples: the page would send them along with every try.
PARAMETERS: dict[str, Json] = {
    "Tenant": {
        "name": "X-Tenant",
        "in": "header",
        "description": "The tenant's slug. Only a staff member of several tenants has to send it; "
        "a credential of another tenant is refused.",
        "schema": {"type": "string", "maxLength": 63},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes the request safe to send again after a lost connection: the stored "
        "answer comes back with `Idempotency-Replayed: true`. A new key for each new request.",
        "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The `ETag` of the last answer: 412 if somebody changed it since.",
        "schema": {"type": "string"},
    },
}
HEADERS: dict[str, Json] = {
    "ETag": {
        "description": "The version, for `If-Match`.",
        "schema": {"type": "string"},
    },
    "RetryAfter": {
        "description": "Seconds to wait before the next attempt.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit": {
        "description": "What is left of each budget (`r`) and the seconds until its window ends "
        "(`t`). draft-ietf-httpapi-ratelimit-headers.",
        "schema": {"type": "string"},
        "example": '"key";r=1180;t=42, "tenant";r=5640;t=42',
    },
    "RateLimitPolicy": {
        "description": "The budgets: requests (`q`) in a window of seconds (`w`).",
        "schema": {"type": "string"},
        "example": '"key";q=1200;w=60, "tenant";q=6000;w=60',
    },
    "IdempotencyReplayed": {
        "description": "`true` where the answer is the stored one of the first request.",
        "schema": {"type": "string", "const": "true"},
    },
}
PROBLEM_EXAMPLE = {
    "type": PROBLEM_BASE + "invalid-input",
    "title": "Some fields are not valid",
    "status": 422,
    "detail": "phone: is not a phone number",
    "instance": "/api/v1/customers",
    "requestId": "01936c5e-8b1c-7cc0-9d0f-3d8a2a6f1b7e",
    "errors": [{"field": "phone", "message": "is not a phone number", "code": "invalid"}],
}


def finish_body(handler: HTTPRouteHandler, operation: Json, example: object) -> None:
    if handler.opt.get("form"):
        form = {"type": "object", "additionalProperties": {"type": "string"}}
        content = {"application/x-www-form-urlencoded": {"schema": form}}
        operation["requestBody"] = {"required": True, "content": content}
        _add_problem(operation, TooSlow)
        return
    if media_types := handler.opt.get("streams_body"):
        file = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(media_types, file)}
        _add_problem(operation, TooSlow)
        return
    body = operation.get("requestBody")
    if body is None:
        return
    if handler.parsed_fn_signature.parameters["data"].has_default:
        body["required"] = False
    for media in body["content"].values():
        media["schema"] = without_null(media["schema"])
        if example is not None:
            media["example"] = example
    _add_problem(operation, TooSlow)
    _add_problem(operation, UnsupportedMediaType)


def finish_stream(handler: HTTPRouteHandler, response: Json) -> None:
    """Litestar knows one media type of a stream, and nothing of what is in it."""
    content = response.get("content", {})
    for media_type in [name for name, media in content.items() if media == {"schema": {}}]:
        del content[media_type]
        for name in handler.opt.get("media_types", [media_type]):
            content[name] = {"schema": {"type": "string"}}


def add_credential(permission: str, operation: Json) -> None:
    needed = "any credential" if permission == ANY_CREDENTIAL else f"permission `{permission}`"
    parts = (operation.get("description"), f"Needs {needed}.")
    operation["description"] = "\n\n".join(part for part in parts if part)
    _add_parameter(operation, "Tenant")


def add_idempotency(operation: Json) -> None:
    _add_parameter(operation, "IdempotencyKey")
    _add_problem(operation, IdempotencyKeyReused)
    _add_problem(operation, IdempotencyKeyInFlight)
    add_header(operation, "Idempotency-Replayed", "IdempotencyReplayed", statuses="2")


def add_version(paths: Json, path: str, operation: Json) -> None:
    """`If-Match` here, and `ETag` where the version is read: this path or the nearest above it."""
    _add_parameter(operation, "IfMatch")
    if "application/json" in operation["responses"].get("200", {}).get("content", {}):
        add_header(operation, "ETag", "ETag", statuses="200")
    while path and "get" not in paths.get(path, {}):
        path = path.rpartition("/")[0]
    if path:
        add_header(paths[path]["get"], "ETag", "ETag", statuses="200")


def _add_parameter(operation: Json, component: str) -> None:
    """In place of the route's own of this name, which says less."""
    name = PARAMETERS[component]["name"].lower()
    others = [p for p in operation.get("parameters", ()) if p.get("name", "").lower() != name]
    operation["parameters"] = [*others, {"$ref": f"#/components/parameters/{component}"}]


def _add_problem(operation: Json, kind: type[Problem]) -> None:
    line = f"`{kind.type}`: {kind.title}"
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    response = operation["responses"].setdefault(
        str(kind.status), {"description": "", "content": {PROBLEM_MEDIA_TYPE: {"schema": schema}}}
    )
    if kind.type not in response["description"]:
        response["description"] = "; ".join(filter(None, (response["description"], line)))


def add_problem_examples(path: str, response: Json) -> None:
    """One for each type that the description names (`_add_problem`, kit/problems.py)."""
    media = response.get("content", {}).get(PROBLEM_MEDIA_TYPE)
    if media is None:
        return
    kinds = {kind.type: kind for kind in _kinds_of(Problem)}
    named = re.findall(r"`([a-z0-9-]+)`: ", response["description"])
    media["examples"] = {
        name: {"summary": kinds[name].title, "value": _problem_example(kinds[name], path)}
        for name in named
    }


def _problem_example(kind: type[Problem], path: str) -> Json:
    if PROBLEM_EXAMPLE["type"] == PROBLEM_BASE + kind.type:
        return PROBLEM_EXAMPLE | {"instance": path}
    return PROBLEM_EXAMPLE | {
        "type": PROBLEM_BASE + kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.title,
        "instance": path,
        "errors": [],
    }


def _kinds_of(kind: type[Problem]) -> Iterator[type[Problem]]:
    yield kind
    for other in kind.__subclasses__():
        yield from _kinds_of(other)


def add_header(
    operation: Json, name: str, component: str, *, statuses: str | tuple[str, ...]
) -> None:
    for status, response in operation["responses"].items():
        if status.startswith(statuses):
            response.setdefault("headers", {}).setdefault(
                name, {"$ref": f"#/components/headers/{component}"}
            )
