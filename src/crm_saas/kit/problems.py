"""Renders every failure as RFC 9457 `application/problem+json`, and declares them for OpenAPI."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.openapi.datastructures import ResponseSpec
from msgspec import structs
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from crm_saas.kit.errors import (
    Conflict,
    FieldError,
    Forbidden,
    InvalidInput,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    Problem,
    RequestBudgetExhausted,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from crm_saas.kit.explain import explain_body
from crm_saas.kit.telemetry.failures import database_reason
from crm_saas.kit.wire import FORGOTTEN, OUTDATED, PREPARED_BEFORE
from crm_saas.kit.wording import plain

log = logging.getLogger("crm_saas.requests")

PROBLEM_MEDIA_TYPE = "application/problem+json"
PROBLEM_BASE = "https://crm-saas.dev/problems/"

# SQLSTATEs after which the same request, sent again, may well succeed.
RETRYABLE = frozenset({"40001", "40P01", FORGOTTEN, OUTDATED, PREPARED_BEFORE})
_BUSY = frozenset({"55P03", "57014", "25P03"})
# Connections; what an administrator ended; disk, memory and connections used up; the disk's errors.
_GONE = ("08", "57P", "53", "58")
_DISK_FULL = "53100"
_OUR_FAULT = "It was not your request's fault, nothing was saved, and we can see it."


class ProblemBody(msgspec.Struct, rename="camel"):
    """RFC 9457: what went wrong, in a form that a program and a person can act on."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[FieldError] = msgspec.field(default_factory=list)


def render_problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    problem = as_problem(request, error)
    state = request.scope.setdefault("state", {})
    state["failure"] = error
    request_id = state.get("request_id", "")
    if isinstance(problem, Unavailable):
        # One line a request (kit/requests.py): while the database is away there are many.
        state["reason"] = database_reason(error) or type(error).__name__
    elif problem.status >= 500:
        log.error("request failed", exc_info=error, extra={"request_id": request_id})
    content = problem_content(problem, instance=request.scope["path"], request_id=request_id)
    return Response(
        msgspec.json.encode(content),
        status_code=problem.status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers=problem.headers,
    )


def problem_content(problem: Problem, *, instance: str, request_id: str) -> dict[str, Any]:
    """The members of the problem's body, with those that its kind adds."""
    body = ProblemBody(
        type=PROBLEM_BASE + problem.type,
        title=problem.title,
        status=problem.status,
        detail=problem.detail,
        instance=instance,
        request_id=request_id,
        errors=problem.fields,
    )
    content: dict[str, Any] = msgspec.to_builtins(body)
    content |= msgspec.to_builtins(problem.extra, enc_hook=str)
    return content


def as_problem(request: Request[Any, Any, Any], error: Exception) -> Problem:
    """The problem that an exception means; whatever is not known is a 500 that tells nothing."""
    match error:
        case Problem():
            return error
        case ValidationException():
            return _invalid(request, error)
        case NotFoundException():
            return NotFound("There is no such path. The API reference is at /api/v1/docs.")
        case MethodNotAllowedException(headers=headers):
            return MethodNotAllowed((headers or {}).get("allow", "").split(", "))
        case HTTPException(status_code=status) if 400 <= status < 500:
            return _client_error(status, error.detail)
        case RecursionError():
            return MalformedRequest("The body is nested too deeply.")
        case PoolTimeout():
            return Unavailable("Too many requests at once. Nothing was saved; try again.")
        case DBAPIError() | psycopg.Error():
            return database_problem(error)
        case ExceptionGroup(exceptions=(only,)) if isinstance(only, Exception):
            return as_problem(request, only)
        case _:
            return Problem(_OUR_FAULT)


def database_problem(error: DBAPIError | psycopg.Error) -> Problem:
    """By SQLSTATE, never by message: messages carry data and change with language and version.

    An export talks to the driver itself, whose errors come as they are.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    state: str = getattr(cause, "sqlstate", None) or ""
    if state == _DISK_FULL:
        return Unavailable(
            "The database has no room left. Nothing was saved, and what is there can be read; "
            "try again once the operator has made room.",
            retry_after_seconds=30,
        )
    invalidated = isinstance(error, DBAPIError) and error.connection_invalidated
    if invalidated or state.startswith(_GONE) or state in _BUSY | RETRYABLE:
        return Unavailable()
    if not state and isinstance(cause, Exception) and "OperationalError" in type(cause).__name__:
        return Unavailable()
    if state.startswith("22"):
        return InvalidInput("A value cannot be stored: it is out of range or of the wrong form.")
    if state in {"23505", "23503", "23001", "23P01"}:
        return Conflict("Somebody changed the same thing at this moment; look again and retry.")
    return Problem(_OUR_FAULT)


def _client_error(status: int, detail: str) -> Problem:
    kinds: tuple[type[Problem], ...] = (Forbidden, TooLarge, UnsupportedMediaType)
    if status == Unauthorized.status:
        return Unauthorized(detail)
    for kind in kinds:
        if kind.status == status:
            return kind(detail)
    return MalformedRequest(detail)


def _invalid(request: Request[Any, Any, Any], error: ValidationException) -> Problem:
    extra = error.extra if isinstance(error.extra, list) else []
    in_body = [entry for entry in extra if entry.get("source", "body") == "body"]
    if extra and not in_body:
        return invalid_input(
            [
                FieldError(_sent_name(request, str(e.get("key", ""))), _message(request, e))
                for e in extra
            ]
        )
    return invalid_input(explain_body(request) or [FieldError("", error.detail)])


def _message(request: Request[Any, Any, Any], entry: dict[str, Any]) -> str:
    known = request.scope["route_handler"].parsed_fn_signature.parameters
    parameter = known.get(str(entry.get("key", "")))
    return plain(str(entry.get("message", "")), parameter.annotation if parameter else None)


def _sent_name(request: Request[Any, Any, Any], parameter: str) -> str:
    """What the caller calls it: the handler's Python names are not part of the API."""
    known = request.scope["route_handler"].parsed_fn_signature.parameters
    declared = known[parameter].kwarg_definition if parameter in known else None
    return getattr(declared, "name", None) or parameter


def invalid_input(fields: list[FieldError]) -> InvalidInput:
    detail = "; ".join(f"{f.field}: {f.message}" if f.field else f.message for f in fields[:5])
    return InvalidInput(detail, fields=fields)


@contextmanager
def within(place: str) -> Iterator[None]:
    """Names the fields that the block refuses as members of `place`, where they were sent."""
    try:
        yield
    except InvalidInput as error:
        raise invalid_input(
            [structs.replace(each, field=f"{place}.{each.field}") for each in error.fields]
        ) from error


def problems(*kinds: type[Problem]) -> dict[int, ResponseSpec]:
    """The refusals of one route for OpenAPI: its own, and those that every route can answer."""
    by_status: dict[int, list[type[Problem]]] = {}
    for kind in (*_EVERY_ROUTE, *kinds):
        by_status.setdefault(kind.status, []).append(kind)
    return dict(_specs(by_status))


_EVERY_ROUTE: tuple[type[Problem], ...] = (
    MalformedRequest,
    Unauthorized,
    Forbidden,
    TooLarge,
    InvalidInput,
    TooManyRequests,
    RequestBudgetExhausted,
    Problem,
    Unavailable,
    Overloaded,
)


def _specs(by_status: dict[int, list[type[Problem]]]) -> Iterator[tuple[int, ResponseSpec]]:
    for status, kinds in sorted(by_status.items()):
        yield (
            status,
            ResponseSpec(
                data_container=ProblemBody,
                description="; ".join(f"`{k.type}`: {k.title}" for k in kinds),
                media_type=PROBLEM_MEDIA_TYPE,
                generate_examples=False,
            ),
        )
