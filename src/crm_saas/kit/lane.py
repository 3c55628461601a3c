"""The short way to a handler whose arguments are there already.

A route that reads ahead (kit/ahead.py), and takes what its path and its body say and nothing else,
is called without the framework's request, injection and response. Routing, limits,
the checks of body and query, and the rendering of refusals are the same, and so is the answer:
tests/tenancy/test_read_ahead.py compares them.
"""

from typing import Any, NamedTuple
from uuid import UUID

from litestar import Litestar, Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.serialization import encode_json
from litestar.types import Scope

from crm_saas.kit.problems import render_problem

_LANE = "lane"
_JSON = "application/json"
_GIVEN = frozenset({"ahead", "context"})
RawAnswer = tuple[int, list[tuple[bytes, bytes]], bytes]


class Lane(NamedTuple):
    """What a handler takes."""

    given: tuple[str, ...]
    in_path: tuple[str, ...]
    takes_data: bool


def declare_lanes(app: Litestar) -> None:
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            handler.opt[_LANE] = _lane_of(handler, set(route.path_parameters))


def lane_of(scope: Scope) -> Lane | None:
    """None where the framework has to find or to convert an argument."""
    lane: Lane | None = scope["route_handler"].opt.get(_LANE)
    if lane is None or (lane.takes_data and scope["state"]["data"] is None):
        return None
    return lane


async def call(lane: Lane, scope: Scope) -> RawAnswer:
    """The answer, also where it is a refusal."""
    handler: Any = scope["route_handler"]
    state = scope["state"]
    arguments = {name: state[name] for name in lane.given}
    arguments |= {name: scope["path_params"][name] for name in lane.in_path}
    if lane.takes_data:
        arguments["data"] = state["data"]
    try:
        response = await handler.fn(**arguments)
        return _rendered(response, handler.status_code)
    except Exception as error:  # as the framework does
        return _rendered(render_problem(Request(scope), error), 500)


def _lane_of(handler: HTTPRouteHandler, in_path: set[str]) -> Lane | None:
    signature = handler.parsed_fn_signature
    given, own = _GIVEN & signature.parameters.keys(), signature.parameters.keys() - _GIVEN
    plain = {n for n in own & in_path if signature.parameters[n].annotation in (UUID, str)}
    hooks = (
        handler.resolve_guards(),
        handler.resolve_before_request(),
        handler.resolve_after_response(),
        handler.resolve_response_headers(),
        handler.resolve_response_cookies(),
        handler.cache,
    )
    # A subclass of Response may stream, or have a file.
    is_json = signature.return_type.origin is Response
    if not (given and own <= plain | {"data"} and is_json) or any(hooks):
        return None
    return Lane(tuple(given), tuple(plain), "data" in own)


def _rendered(response: Response[Any], status: int) -> RawAnswer:
    content = response.content
    body = content if isinstance(content, bytes) else encode_json(content)
    headers = [(n.lower().encode(), v.encode("latin-1")) for n, v in response.headers.items()]
    headers.append((b"content-type", str(response.media_type or _JSON).encode()))
    return response.status_code or status, headers, body
