import re
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp
from openapi_spec_validator import OpenAPIV31SpecValidator

from crm_saas.app import create_app, create_litestar
from crm_saas.examples import ANSWERS, BODIES
from crm_saas.kit.openapi.document import METHODS
from crm_saas.kit.openapi.links import parts_of
from crm_saas.kit.openapi.page import ASSETS
from crm_saas.kit.openapi.schemas import _structs
from crm_saas.kit.problems import PROBLEM_MEDIA_TYPE, ProblemBody
from crm_saas.kit.settings import Settings

pytestmark = pytest.mark.anyio

# Neither the document nor the page asks the database.
NO_DATABASE = Settings(database_url="postgresql://crm_owner:secret@127.0.0.1:1/crm")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def litestar() -> Litestar:
    return create_litestar(NO_DATABASE)


@pytest.fixture(scope="module")
def document(litestar: Litestar) -> dict[str, Any]:
    return litestar.openapi_schema.to_schema()


@pytest.fixture
def client() -> httpx.AsyncClient:
    app: ASGIApp = create_app(NO_DATABASE)
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://crm.test")


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def handlers(litestar: Litestar) -> dict[str, HTTPRouteHandler]:
    """Those of the document, by operation id."""
    return {
        handler.handler_name: handler
        for route in litestar.routes
        for handler in getattr(route, "route_handlers", ())
        if isinstance(handler, HTTPRouteHandler) and handler.resolve_include_in_schema()
    }


def parameters(document: dict[str, Any], operation: dict[str, Any]) -> set[str]:
    known = document["components"]["parameters"]
    return {
        (known[p["$ref"].rpartition("/")[2]] if "$ref" in p else p)["name"]
        for p in operation.get("parameters", [])
    }


def nodes(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from nodes(child)


def test_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_handler_and_every_status_is_there(
    litestar: Litestar, document: dict[str, Any]
) -> None:
    documented = {op["operationId"]: op for _, _, op in operations(document)}
    found = handlers(litestar)
    assert documented.keys() == found.keys()
    for name, handler in found.items():
        declared = {handler.status_code, *(handler.responses or {})}
        missing = {str(status) for status in declared} - documented[name]["responses"].keys()
        assert not missing, f"{name} lacks {missing}"


def test_an_answer_that_has_two_statuses_is_there_with_both(document: dict[str, Any]) -> None:
    paths = document["paths"]
    found = paths["/api/v1/customers/find-or-create"]["post"]["responses"]
    assert found["201"]["content"] == found["200"]["content"]
    assert found["201"].keys() - {"links"} == found["200"].keys()
    assert "503" in paths["/health/ready"]["get"]["responses"]
    assert "408" in paths["/api/v1/customers"]["post"]["responses"]


def test_operation_ids_are_the_names_of_functions(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert re.fullmatch(r"[a-z][a-z0-9_]+", operation["operationId"]), f"{method} {path}"


def test_every_operation_is_public_or_needs_a_credential(
    litestar: Litestar, document: dict[str, Any]
) -> None:
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    found = handlers(litestar)
    for _, method, operation in operations(document):
        name = operation["operationId"]
        if found[name].opt.get("public"):
            assert operation["security"] == [], name
            continue
        assert "security" not in operation, name
        assert found[name].opt["permission"] in operation["description"] or (
            "any credential" in operation["description"]
        )
        assert {"401", "403"} <= operation["responses"].keys(), name
        sent = parameters(document, operation)
        assert "X-Tenant" in sent, name
        assert ("Idempotency-Key" in sent) == (method == "post"), name


def test_refusals_are_problems(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400" and not path.startswith("/health/"):
                assert list(response["content"]) == [PROBLEM_MEDIA_TYPE], (
                    f"{method} {path} {status}"
                )


def test_a_version_goes_out_where_it_must_come_back(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        if "412" in operation["responses"]:
            assert "If-Match" in parameters(document, operation)
    for path in (
        "/api/v1/customers/{customer_id}",
        "/api/v1/customers/{customer_id}/addresses/{address_id}",
    ):
        assert "ETag" in document["paths"][path]["get"]["responses"]["200"]["headers"]


def test_filters_are_parameters(document: dict[str, Any]) -> None:
    listing = document["paths"]["/api/v1/customers"]["get"]
    assert {"search", "createdBefore", "sort", "cursor"} <= parameters(document, listing)


def test_rows_that_are_read_one_by_one_are_shown_whole(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    row = {"$ref": "#/components/schemas/BatchRow"}
    assert schemas["Batch"]["properties"]["rows"]["items"] == row
    assert "idempotencyKey" in schemas["BatchRow"]["required"]
    assert schemas["BatchRow"]["additionalProperties"] is False


def test_an_export_does_not_search(document: dict[str, Any]) -> None:
    found = parameters(document, document["paths"]["/api/v1/customers/export"]["get"])
    assert {"status", "bom"} <= found
    assert "search" not in found


def test_tags_are_declared(document: dict[str, Any]) -> None:
    declared = {tag["name"] for tag in document["tags"]}
    used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    assert used <= declared


def test_examples_are_bodies_that_the_routes_take(
    litestar: Litestar, document: dict[str, Any]
) -> None:
    found = handlers(litestar)
    with_body = {
        op["operationId"]
        for _, _, op in operations(document)
        if "application/json" in op.get("requestBody", {}).get("content", {})
    }
    assert with_body == BODIES.keys()
    for name, example in BODIES.items():
        annotation = found[name].parsed_fn_signature.parameters["data"].annotation
        msgspec.convert(example, annotation)


def test_every_answer_has_an_example_that_is_one(
    litestar: Litestar, document: dict[str, Any]
) -> None:
    shown = set()
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            for media in response.get("content", {}).values() if status < "300" else ():
                assert "example" in media, f"{operation['operationId']} {status}"
                shown.add(media["schema"].get("$ref", "").rpartition("/")[2])
    assert shown - {""} == ANSWERS.keys()
    kinds = {
        kind.__name__: kind
        for handler in handlers(litestar).values()
        for kind in _structs(handler.parsed_fn_signature.return_type.annotation)
    }
    for name, answer in ANSWERS.items():
        decoded = msgspec.convert(answer, kinds[name])
        whole = set(document["components"]["schemas"][name]["required"])
        assert whole <= answer.keys() <= msgspec.to_builtins(decoded).keys(), name


def test_every_refusal_has_an_example_of_each_type(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            media = response.get("content", {}).get(PROBLEM_MEDIA_TYPE)
            if media is None:
                continue
            assert media["examples"], f"{method} {path} {status}"
            for name, example in media["examples"].items():
                problem = msgspec.convert(example["value"], ProblemBody)
                assert str(problem.status) == status
                assert problem.type.endswith("/" + name)
                assert f"`{name}`" in response["description"]


def test_where_a_body_is_read_it_may_be_too_slow(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        if "requestBody" in operation:
            assert "408" in operation["responses"], operation["operationId"]


# What is never made over the API: a sign-in opens sessions, a sweep suggests.
UNMADE = {"session_id", "suggestion_id", "token"}


def test_what_is_created_is_linked_to_all_that_can_be_done_with_it(
    document: dict[str, Any],
) -> None:
    """A new kind of thing needs a line in NAMES (reference.py)."""
    linked: dict[str, set[str]] = {}
    for _, _, operation in operations(document):
        for response in operation["responses"].values():
            for link in response.get("links", {}).values():
                linked.setdefault(link["operationId"], set()).update(link["parameters"])
    for path, _, operation in operations(document):
        parts = set(parts_of(path))
        if parts - UNMADE:
            assert linked.get(operation["operationId"]) == parts, path


def test_links_point_into_the_answer(litestar: Litestar, document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        for response in operation["responses"].values():
            for link in response.get("links", {}).values():
                schema = response["content"]["application/json"]["schema"]["$ref"]
                for expression in link["parameters"].values():
                    found = ANSWERS[schema.rpartition("/")[2]]
                    for step in expression.partition("#/")[2].split("/"):
                        found = found[step]
                    assert found, expression


def test_absent_is_no_type_of_its_own(document: dict[str, Any]) -> None:
    assert "Unset" not in msgspec.json.encode(document).decode()
    for node in nodes(document):
        for word in ("anyOf", "oneOf"):
            assert not isinstance(node.get(word), list) or len(node[word]) > 1, node


def test_requests_are_closed_and_answers_may_grow(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["CreateKey"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["KeyView"]
    assert schemas["KeyView"]["properties"]["createdAt"]["format"] == "date-time"


async def test_page_needs_nobody_else(client: httpx.AsyncClient) -> None:
    page = await client.get("/api/v1/docs")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy and "unsafe" not in policy and "*" not in policy
    links = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert links and all(link.startswith("/api/v1/") for link in links)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", page.text)
    for link in links:
        answer = await client.get(link)
        assert answer.status_code == 200, link
        if "/assets/" in link:
            assert "max-age" in answer.headers["cache-control"]


async def test_document_is_served(client: httpx.AsyncClient, document: dict[str, Any]) -> None:
    answer = await client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == msgspec.json.decode(msgspec.json.encode(document))


@pytest.mark.parametrize(
    "path",
    ["/api/v1/nothing", "/api/v1/docs/assets/nothing.js", "/api/v1/docs/assets/%2e%2e/app.py"],
)
async def test_other_paths_are_not_served(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == PROBLEM_MEDIA_TYPE


def test_assets_come_with_their_licence_and_stay_small() -> None:
    assert "Apache License" in (ASSETS / "swagger-ui" / "LICENSE").read_text()
    assert sum(file.stat().st_size for file in ASSETS.rglob("*") if file.is_file()) < 2_000_000
