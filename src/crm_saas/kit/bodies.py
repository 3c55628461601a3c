"""Reading a body within limits, and refusing what could not be stored anyway."""

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec
from litestar.types import HTTPReceiveMessage, HTTPRequestEvent, Receive, Scope

from crm_saas.kit.errors import (
    InvalidInput,
    MalformedRequest,
    Overloaded,
    TooLarge,
    TooSlow,
    UnsupportedMediaType,
)
from crm_saas.kit.explain import explain_bytes
from crm_saas.kit.problems import invalid_input

DEPTH_MAX = 32
SECONDS_MAX = 30
# Of one process, in all bodies of more than the second.
IN_HAND_BYTES_MAX = 64 * 1024 * 1024
SMALL_BYTES_MAX = 16 * 1024
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_INNERMOST = re.compile(rb"\[\]|\{\}")
# What JSON allows and neither text in UTF-8 nor the database can hold.
_MAY_BE_UNFIT = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]|[eE]\+?\d{3}|\d{309}")
_HALF_PAIR = re.compile("[\ud800-\udfff]")

# What a proxy before us may read differently when it comes twice.
_ONCE = frozenset({"authorization", "x-tenant", "host", "content-type", "idempotency-key"})
Headers = Mapping[str, str]


def read_headers(scope: Scope) -> Headers:
    """By name in small letters, as ASGI has them; of one that comes several times, the first.

    Raises MalformedRequest for a header that comes twice and means one thing.
    """
    headers: dict[str, str] = {}
    for raw_name, value in scope["headers"]:
        name = raw_name.decode("latin-1")
        if name not in headers:
            headers[name] = value.decode("latin-1")
        elif name in _ONCE:
            raise MalformedRequest(f"Send the header {name.title()} once.")
    return headers


class BodiesInHand:
    """What one process holds of the bodies of its requests, from their arrival to their end.

    They arrive before anybody has to show a credential. A small one is always taken, so that a
    flood of large ones keeps nobody from signing in.
    """

    def __init__(self) -> None:
        self._bytes = 0

    @asynccontextmanager
    async def read(
        self, receive: Receive, headers: Headers, bytes_max: int
    ) -> AsyncIterator[bytes]:
        """The whole body, read before a connection to the database is taken. Raises Overloaded."""
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            if size <= SMALL_BYTES_MAX:
                return
            if self._bytes - held + size > IN_HAND_BYTES_MAX:
                raise Overloaded
            self._bytes += size - held
            held = size

        try:
            yield await _read_body(receive, headers, bytes_max, hold)
        finally:
            self._bytes -= held


async def _read_body(
    receive: Receive, headers: Headers, bytes_max: int, hold: Callable[[int], None]
) -> bytes:
    declared = headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit() and int(declared) > bytes_max:
        raise TooLarge(f"A body may have {bytes_max:,} bytes at the most.")
    try:
        async with asyncio.timeout(SECONDS_MAX):
            return await _read(receive, bytes_max, hold)
    except TimeoutError as error:
        raise TooSlow(f"The body took more than {SECONDS_MAX} seconds. Send it again.") from error


async def _read(receive: Receive, bytes_max: int, hold: Callable[[int], None]) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise MalformedRequest("The connection ended before the body did.")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > bytes_max:
            raise TooLarge(f"A body may have {bytes_max:,} bytes at the most.")
        hold(size)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body which was read already, once, and then what follows it.

    What follows is the client's disconnect, which a stream waits for.
    """
    messages: list[HTTPRequestEvent] = [{"type": "http.request", "body": body, "more_body": False}]

    async def once() -> HTTPReceiveMessage:
        return messages.pop() if messages else cast(HTTPReceiveMessage, await receive())

    return once


def check_body(body: bytes, headers: Headers, scope: Scope) -> Any:
    """Refuses NUL, wrong encodings and deep nesting before a decoder or the database meets them.

    What the route takes as `data`; None where that is for its own decoder to say.
    """
    query = scope["query_string"]
    if query and b"\x00" in unquote_to_bytes(query):
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        named = next((name for name, value in pairs if "\x00" in name + value), "")
        place = named.replace("\x00", "")[:100] or "query"
        raise InvalidInput.of(place, "must not contain the NUL character (%00)", "nul")
    if "\x00" in scope["path"]:
        raise InvalidInput("The NUL character (%00) cannot be part of a path.")
    if not body or scope["route_handler"].opt.get("form"):
        return None
    data = scope["route_handler"].parsed_fn_signature.parameters.get("data")
    if data is None and body != b"{}":
        raise InvalidInput("This request takes no body; send it without one.")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType("Send the body as `Content-Type: application/json`.")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest("The body must be UTF-8.") from error
    if _is_deep(body):
        raise MalformedRequest(f"The body is nested deeper than {DEPTH_MAX} levels.")
    value = _refuse_repeated(body)
    if _MAY_BE_UNFIT.search(body) and (unfit := _find_unfit(value, "")):
        raise InvalidInput.of(*unfit)
    return None if data is None else _check_types(body, data.annotation)


def _check_types(body: bytes, kind: Any) -> Any:
    """As the document has them: the framework would take 0 for false and "null" for null."""
    if body.strip() == b"null":
        raise InvalidInput("The body must be a JSON object, not null.")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise invalid_input(explain_bytes(body, kind)) from error
    except msgspec.DecodeError:
        return None  # refused as malformed by the route's own decoder


def _is_deep(body: bytes) -> bool:
    """Takes away one level at a time, without recursion; brackets within strings do not count.

    What has a bracket too many is not JSON: the decoder's business, unless it is deep enough to
    exhaust the decoder.
    """
    if body.count(b"[") + body.count(b"{") <= DEPTH_MAX:
        return False
    brackets = _STRING.sub(b"", body).translate(None, _NOT_BRACKETS)
    for _ in range(DEPTH_MAX):
        if not brackets:
            return False
        brackets = _INNERMOST.sub(b"", brackets)
    return bool(brackets)


def _refuse_repeated(body: bytes) -> object:
    """The decoded body. Raises MalformedRequest for what is not JSON.

    A name that comes twice means one thing to us and may mean the other to who logged it.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for name, value in pairs:
            if name in members:
                raise InvalidInput.of(_whole(name[:100]), "comes twice in one object", "repeated")
            members[name] = value
        return members

    try:
        return json.loads(body, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedRequest(f"The body is not JSON: {error.msg}, at {place}.") from error
    except (ValueError, RecursionError):
        return None  # numbers of thousands of digits: refused by the route's own decoder


def _find_unfit(value: object, place: str) -> tuple[str, str, str] | None:
    """Field, message and code of the first thing that could not be kept."""
    match value:
        case str():
            return _unfit_text(value, place)
        case float() if math.isinf(value):
            return place or "body", "is too large a number", "range"
        case dict():
            for name, item in value.items():
                found = _unfit_text(name, place)
                if found := found or _find_unfit(item, f"{place}.{name}" if place else name):
                    return found
        case list():
            for index, item in enumerate(value):
                if found := _find_unfit(item, f"{place}[{index}]"):
                    return found
    return None


def _unfit_text(text: str, place: str) -> tuple[str, str, str] | None:
    if "\x00" in text:
        return place or "body", "must not contain the NUL character (\\u0000)", "nul"
    if _HALF_PAIR.search(text):
        return place or "body", "has half of a surrogate pair (such as \\ud800)", "surrogate"
    return None


def _whole(name: str) -> str:
    return _HALF_PAIR.sub("\ufffd", name)
