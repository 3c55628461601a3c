"""The OpenAPI 3.1 document: what Litestar finds in the routes, and what it cannot know.

Litestar's schemas lose the bounds inside unions and show `UNSET` as a union of one, so those of
the structs come from msgspec, which also decodes them.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, OpenAPI, SecurityScheme, Tag
from litestar.utils.helpers import unwrap_partial

from crm_saas.kit.context import ANY_CREDENTIAL
from crm_saas.kit.errors import Problem, TooSlow, UnsupportedMediaType
from crm_saas.kit.idempotency import (
    KEY_LENGTH_MAX,
    IdempotencyKeyInFlight,
    IdempotencyKeyReused,
)
from crm_saas.kit.openapi.links import Names, add_links
from crm_saas.kit.openapi.page import DocumentPlugin, PagePlugin, reference_router
from crm_saas.kit.openapi.schemas import component_schemas, query_parameters, tidy, without_null
from crm_saas.kit.problems import PROBLEM_BASE, PROBLEM_MEDIA_TYPE

Json = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")

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
_BEARER = SecurityScheme(
    type="http",
    scheme="bearer",
    description="An API key of the tenant, or the session token of a staff member.",
)
_PROBLEM_EXAMPLE = {
    "type": PROBLEM_BASE + "invalid-input",
    "title": "Some fields are not valid",
    "status": 422,
    "detail": "phone: is not a phone number",
    "instance": "/api/v1/customers",
    "requestId": "01936c5e-8b1c-7cc0-9d0f-3d8a2a6f1b7e",
    "errors": [{"field": "phone", "message": "is not a phone number", "code": "invalid"}],
}


def openapi_config(
    *,
    title: str,
    version: str,
    description: str,
    tags: Mapping[str, Tag],
    bodies: Mapping[str, object],
    answers: Mapping[str, object],
    names: Names,
) -> OpenAPIConfig:
    """`tags` by slice; examples: `bodies` by operation id, the handler's name, and `answers` by
    the name of the schema, or by the media type of what has none; `names`: see openapi_links.py.
    """
    handlers: dict[str, HTTPRouteHandler] = {}

    def operation_id(handler: HTTPRouteHandler, *_: object) -> str:
        handlers[handler.handler_name] = handler
        return handler.handler_name

    config = _Config(
        title=title,
        version=version,
        description=description,
        tags=list({tag.name: tag for tag in tags.values()}.values()),
        components=Components(security_schemes={"bearer": _BEARER}),
        security=[{"bearer": []}],
        use_handler_docstrings=True,
        operation_id_creator=operation_id,
        openapi_router=reference_router(),
        render_plugins=[PagePlugin(title), DocumentPlugin()],
    )
    config.finish = _Finish(handlers, tags, bodies, answers, names)
    return config


@dataclasses.dataclass(frozen=True)
class _Finish:
    """Adds to the document of Litestar what the middleware does for every route."""

    handlers: Mapping[str, HTTPRouteHandler]
    tags: Mapping[str, Tag]
    bodies: Mapping[str, object]
    answers: Mapping[str, object]
    names: Names

    def __call__(self, document: Json) -> Json:
        components = document["components"]
        components["schemas"] = component_schemas(self.handlers.values())
        components["schemas"]["ProblemBody"]["examples"] = [_PROBLEM_EXAMPLE]
        components["parameters"] = PARAMETERS
        components["headers"] = HEADERS
        for path, item in document["paths"].items():
            for method in METHODS:
                if method in item:
                    self._finish_operation(path, method, item[method])
                    if "412" in item[method]["responses"]:
                        _add_version(document["paths"], path, item[method])
        add_links(document, self.names)
        return document

    def _finish_operation(self, path: str, method: str, operation: Json) -> None:
        name = operation["operationId"]
        handler = self.handlers[name]
        slice_name = slice_of(handler)
        tag = self.tags.get(slice_name)
        operation["tags"] = [tag.name if tag else slice_name.capitalize()]
        operation["summary"] = name.replace("_", " ").capitalize()
        operation.pop("deprecated", None)
        for status, response in operation["responses"].items():
            if not response.get("headers"):
                response.pop("headers", None)
            _finish_stream(handler, response)
            if status < "400":
                response["description"] = HTTPStatus(int(status)).phrase
        tidy(operation)
        _finish_body(handler, operation, self.bodies.get(name))
        if (query := handler.opt.get("query")) is not None:
            operation["parameters"] = [*query_parameters(query), *operation.get("parameters", ())]
        if handler.opt.get("public"):
            operation["security"] = []
        else:
            _add_credential(handler.opt["permission"], operation)
            _add_header(operation, "RateLimit", "RateLimit", statuses=("2", "429"))
            _add_header(operation, "RateLimit-Policy", "RateLimitPolicy", statuses=("2", "429"))
            if method == "post":
                _add_idempotency(operation)
        _add_header(operation, "Retry-After", "RetryAfter", statuses=("429", "503"))
        self._add_answers(operation)
        for response in operation["responses"].values():
            _add_problem_examples(path, response)
        operation["responses"] = dict(sorted(operation["responses"].items()))

    def _add_answers(self, operation: Json) -> None:
        for response in operation["responses"].values():
            for media_type, media in response.get("content", {}).items():
                name = media["schema"].get("$ref", media_type).rpartition("/")[2]
                found = self.answers.get(name, self.answers.get(media_type.partition(";")[0]))
                if found is not None:
                    media["example"] = found


class _Document(OpenAPI):
    finish: _Finish

    def to_schema(self) -> Json:
        return self.finish(super().to_schema())


class _Config(OpenAPIConfig):
    finish: _Finish

    def to_openapi_schema(self) -> OpenAPI:
        found = super().to_openapi_schema()
        values = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
        document = _Document(**values)
        document.finish = self.finish
        return document


def slice_of(handler: HTTPRouteHandler) -> str:
    """`otp` for a handler in crm_saas.otp.routes, `health` for one in crm_saas.kit.health."""
    _, package, *rest = unwrap_partial(handler.fn).__module__.split(".")
    return str(rest[0] if package == "kit" else package)


def _finish_body(handler: HTTPRouteHandler, operation: Json, example: object) -> None:
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


def _finish_stream(handler: HTTPRouteHandler, response: Json) -> None:
    """Litestar knows one media type of a stream, and nothing of what is in it."""
    content = response.get("content", {})
    for media_type in [name for name, media in content.items() if media == {"schema": {}}]:
        del content[media_type]
        for name in handler.opt.get("media_types", [media_type]):
            content[name] = {"schema": {"type": "string"}}


def _add_credential(permission: str, operation: Json) -> None:
    needed = "any credential" if permission == ANY_CREDENTIAL else f"permission `{permission}`"
    parts = (operation.get("description"), f"Needs {needed}.")
    operation["description"] = "\n\n".join(part for part in parts if part)
    _add_parameter(operation, "Tenant")


def _add_idempotency(operation: Json) -> None:
    _add_parameter(operation, "IdempotencyKey")
    _add_problem(operation, IdempotencyKeyReused)
    _add_problem(operation, IdempotencyKeyInFlight)
    _add_header(operation, "Idempotency-Replayed", "IdempotencyReplayed", statuses="2")


def _add_version(paths: Json, path: str, operation: Json) -> None:
    """`If-Match` here, and `ETag` where the version is read: this path or the nearest above it."""
    _add_parameter(operation, "IfMatch")
    if "application/json" in operation["responses"].get("200", {}).get("content", {}):
        _add_header(operation, "ETag", "ETag", statuses="200")
    while path and "get" not in paths.get(path, {}):
        path = path.rpartition("/")[0]
    if path:
        _add_header(paths[path]["get"], "ETag", "ETag", statuses="200")


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


def _add_problem_examples(path: str, response: Json) -> None:
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
    if _PROBLEM_EXAMPLE["type"] == PROBLEM_BASE + kind.type:
        return _PROBLEM_EXAMPLE | {"instance": path}
    return _PROBLEM_EXAMPLE | {
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


def _add_header(
    operation: Json, name: str, component: str, *, statuses: str | tuple[str, ...]
) -> None:
    for status, response in operation["responses"].items():
        if status.startswith(statuses):
            response.setdefault("headers", {}).setdefault(
                name, {"$ref": f"#/components/headers/{component}"}
            )
