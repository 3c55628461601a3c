"""What is wrong with a body that did not decode: one entry a field, not only the first.

msgspec stops at the first error, which is right for speed; this runs only after a refusal.
"""

import re
from typing import Any

import msgspec
from litestar import Request
from msgspec.structs import fields as struct_fields

from crm_saas.kit.errors import FieldError
from crm_saas.kit.wording import plain

_PLACE = re.compile(r" - at `\$(.*)`$")
ERRORS_MAX = 50


def explain_body(request: Request[Any, Any, Any]) -> list[FieldError]:
    handler = request.scope["route_handler"]
    parameter = handler.parsed_fn_signature.parameters.get("data")
    body: bytes = request.scope.get("state", {}).get("body", b"")
    return explain_bytes(body, parameter.annotation) if parameter is not None else []


def explain_bytes(body: bytes, kind: Any) -> list[FieldError]:
    """What keeps a body from being of this kind."""
    if not body.strip():
        missing = explain_struct({}, kind) if isinstance(kind, type) else []
        return missing or [FieldError("", "This request needs a body; send JSON.", "required")]
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [FieldError("", "The body must be JSON.", "malformed")]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return explain_struct(raw, kind)
    return _explain_value(raw, kind, "")


def explain_struct(raw: object, kind: type[msgspec.Struct]) -> list[FieldError]:
    """What keeps a decoded value from being this struct."""
    return _explain_struct(raw, kind, "")[:ERRORS_MAX]


def _explain_struct(raw: object, kind: type[msgspec.Struct], place: str) -> list[FieldError]:
    if not isinstance(raw, dict):
        return [FieldError(place.rstrip("."), "must be a JSON object", "type")]
    known = {field.encode_name: field for field in struct_fields(kind)}
    errors = [
        FieldError(f"{place}{name}"[:200], "is not a field that can be sent here", "unknown")
        for name in raw
        if name not in known
    ]
    for name, field in known.items():
        if name not in raw:
            if field.required:
                errors.append(FieldError(f"{place}{name}", "is required", "required"))
        else:
            errors += _explain_value(raw[name], field.type, f"{place}{name}")
    return errors


def _explain_value(raw: object, kind: Any, place: str) -> list[FieldError]:
    nested = _nested_struct(kind)
    if nested and isinstance(raw, dict) and (errors := _explain_struct(raw, nested, f"{place}.")):
        return errors
    if nested and isinstance(raw, list):
        item_errors = [
            error
            for index, item in enumerate(raw[:ERRORS_MAX])
            for error in _explain_value(item, nested, f"{place}[{index}]")
        ]
        if item_errors:
            return item_errors
    try:
        msgspec.convert(raw, kind, strict=True)
    except msgspec.ValidationError as error:
        message = str(error)
        inner = _PLACE.search(message)
        text = _PLACE.sub("", message)
        return [FieldError(place + (inner[1] if inner else ""), plain(text, kind))]
    return []


def _nested_struct(kind: Any) -> type[msgspec.Struct] | None:
    """The struct inside `kind`, through unions, lists and annotations."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    for argument in getattr(kind, "__args__", ()):
        if found := _nested_struct(argument):
            return found
    return None
