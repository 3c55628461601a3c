"""Query parameters as a struct: typed, and refused when misspelt instead of ignored."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from litestar import Request

from crm_saas.kit.errors import FieldError, InvalidInput
from crm_saas.kit.problems import invalid_input

T = TypeVar("T", bound=msgspec.Struct)


def read_query(request: Request[Any, Any, Any], kind: type[T], *, besides: Collection[str]) -> T:
    """The struct's fields from the query; `besides` are the route's own parameters.

    Raises InvalidInput with one entry a parameter.
    """
    errors: list[FieldError] = []
    values: dict[str, str] = {}
    known = set(kind.__struct_encode_fields__)
    for name, value in request.query_params.multi_items():
        if name in besides:
            continue
        if name not in known:
            errors.append(FieldError(name[:100], "is not a filter of this list", "unknown"))
        elif name in values:
            errors.append(FieldError(name, "may be given once", "repeated"))
        else:
            values[name] = value
    try:
        read = msgspec.convert(values if not errors else {}, kind, strict=False)
    except msgspec.ValidationError:
        errors += _explain(values, kind)
    if errors:
        raise invalid_input(errors)
    return read


def with_zone(name: str, value: datetime) -> datetime:
    """Raises InvalidInput for a time that means another moment in each place."""
    if value.tzinfo is None:
        raise InvalidInput.of(name, "needs a time zone, such as 2026-01-31T00:00:00Z")
    return value


def _explain(values: dict[str, str], kind: type[msgspec.Struct]) -> list[FieldError]:
    errors = []
    for name, value in values.items():
        try:
            msgspec.convert({name: value}, kind, strict=False)
        except msgspec.ValidationError as error:
            text = str(error).partition(" - at ")[0]
            errors.append(FieldError(name, text.replace("Expected", "must be")))
    return errors
