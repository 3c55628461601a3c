"""Query parameters: typed, and refused when misspelt instead of ignored."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from litestar import Litestar, Request
from litestar.routes import HTTPRoute
from litestar.types import Scope

from crm_saas.kit.errors import FieldError, InvalidInput
from crm_saas.kit.problems import invalid_input
from crm_saas.kit.wording import plain

T = TypeVar("T", bound=msgspec.Struct)
_KINDS = "query_kinds"


def declare_queries(app: Litestar) -> None:
    """Notes at each route which parameters it takes: its own, and the fields of `query`."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler, parameters in route.route_handler_map.values():
                declared = handler.parsed_fn_signature.parameters
                kinds = {
                    parameter.field_alias: declared[parameter.field_name].annotation
                    for parameter in parameters.expected_query_params
                }
                if (struct := handler.opt.get("query")) is not None:
                    kinds |= {f.encode_name: f.type for f in msgspec.structs.fields(struct)}
                    for name in dotted(struct):
                        kinds[f"{name}."] = kinds.pop(name)
                handler.opt[_KINDS] = kinds


def check_query(scope: Scope) -> None:
    """Raises InvalidInput with one entry for each parameter that is unknown, twice or null."""
    options = scope["route_handler"].opt
    if not scope["query_string"] or options.get("form"):  # a provider's callback signs its query
        return
    known: Mapping[str, Any] = options.get(_KINDS, {})
    query = scope["query_string"].decode("latin-1")
    pairs = parse_qsl(query, keep_blank_values=True)
    given = Counter(name for name, _ in pairs)
    errors = [
        FieldError(name[:100], "is not a parameter of this route", "unknown")
        for name in given
        if name not in known and not _is_dotted(name, known)
    ]
    errors += [
        FieldError(name[:100], "may be given once", "repeated")
        for name, count in given.items()
        if count > 1 and (name in known or _is_dotted(name, known))
    ]
    errors += [
        FieldError(name, message)
        for name, value in pairs
        if name in known and (message := _misread(value, known[name]))
    ]
    if errors:
        raise invalid_input(errors)


@cache
def dotted(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields whose entries are parameters of their own: `custom.size` is one of `custom`."""
    return tuple(f.encode_name for f in msgspec.structs.fields(kind) if _may_be_dict(f.type))


def _may_be_dict(kind: Any) -> bool:
    return get_origin(kind) is dict or any(_may_be_dict(part) for part in get_args(kind))


def _is_dotted(name: str, known: Mapping[str, Any]) -> bool:
    stem, dot, rest = name.partition(".")
    return bool(rest) and stem + dot in known


def _misread(text: str, kind: Any) -> str | None:
    """What is wrong with a text that the framework would take for something else.

    The word null would be no filter at all, and answer everything; a number would be a time.
    """
    if _may_be(kind, str):
        return None
    if any(_may_be(kind, number) for number in (bool, int, float)):
        return "must have a value, or be left out" if text.lower() == "null" else None
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError as error:
        return plain(str(error).partition(" - at ")[0], kind).removesuffix(" or null")
    return None


def _may_be(kind: Any, wanted: type) -> bool:
    return kind is wanted or any(_may_be(part, wanted) for part in get_args(kind))


def read_query(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """The struct's fields from the query. Raises InvalidInput with one entry a parameter."""
    known = kind.__struct_encode_fields__
    sent = request.query_params
    values: dict[str, Any] = {name: sent[name] for name in known if name in sent}
    for field in dotted(kind):
        values.pop(field, None)
        stem = f"{field}."
        if entries := {n.removeprefix(stem): sent[n] for n in sent if n.startswith(stem)}:
            values[field] = entries
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid_input(_explain(values, kind)) from error


def with_zone(name: str, value: datetime) -> datetime:
    """In UTC: RFC 3339 has offsets that PostgreSQL does not take.

    Raises InvalidInput for a time that means another moment in each place.
    """
    if value.tzinfo is None:
        raise InvalidInput.of(name, "needs a time zone, such as 2026-01-31T00:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput.of(name, "must lie within the years 1 to 9999") from error


def _explain(values: Mapping[str, Any], kind: type[msgspec.Struct]) -> list[FieldError]:
    errors = []
    types = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for name, value in values.items():
        try:
            msgspec.convert({name: value}, kind, strict=False)
        except msgspec.ValidationError as error:
            text = str(error).partition(" - at ")[0]
            errors.append(FieldError(name, plain(text, types[name]).removesuffix(" or null")))
    return errors
