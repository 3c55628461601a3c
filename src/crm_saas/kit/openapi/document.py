"""The OpenAPI 3.1 document: what Litestar finds in the routes, and what it cannot know.

Litestar's schemas lose the bounds inside unions and show `UNSET` as a union of one, so those of
the structs come from msgspec, which also decodes them.
"""

import dataclasses
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, OpenAPI, SecurityScheme, Tag
from litestar.utils.helpers import unwrap_partial

from crm_saas.kit.openapi.links import Names, add_links
from crm_saas.kit.openapi.operations import (
    HEADERS,
    PARAMETERS,
    PROBLEM_EXAMPLE,
    add_credential,
    add_header,
    add_idempotency,
    add_problem_examples,
    add_version,
    finish_body,
    finish_stream,
)
from crm_saas.kit.openapi.page import DocumentPlugin, PagePlugin, reference_router
from crm_saas.kit.openapi.schemas import component_schemas, query_parameters, tidy

Json = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")

_BEARER = SecurityScheme(
    type="http",
    scheme="bearer",
    description="An API key of the tenant, or the session token of a staff member.",
)


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
    the name of the schema, or by the media type of what has none; `names`: see links.py.
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
        components["schemas"]["ProblemBody"]["examples"] = [PROBLEM_EXAMPLE]
        components["parameters"] = PARAMETERS
        components["headers"] = HEADERS
        for path, item in document["paths"].items():
            for method in METHODS:
                if method in item:
                    self._finish_operation(path, method, item[method])
                    if "412" in item[method]["responses"]:
                        add_version(document["paths"], path, item[method])
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
            finish_stream(handler, response)
            if status < "400":
                response["description"] = HTTPStatus(int(status)).phrase
        tidy(operation)
        finish_body(handler, operation, self.bodies.get(name))
        if (query := handler.opt.get("query")) is not None:
            operation["parameters"] = [*query_parameters(query), *operation.get("parameters", ())]
        if handler.opt.get("public"):
            operation["security"] = []
        else:
            add_credential(handler.opt["permission"], operation)
            add_header(operation, "RateLimit", "RateLimit", statuses=("2", "429"))
            add_header(operation, "RateLimit-Policy", "RateLimitPolicy", statuses=("2", "429"))
            if method == "post":
                add_idempotency(operation)
        add_header(operation, "Retry-After", "RetryAfter", statuses=("429", "503"))
        self._add_answers(operation)
        for response in operation["responses"].values():
            add_problem_examples(path, response)
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
