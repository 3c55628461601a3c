"""msgspec's errors in plain words, as the end of a sentence that starts with the field."""

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from msgspec import Meta

from crm_saas.kit.texts import UNREADABLE

_TYPES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a JSON object",
    "null": "null",
    "uuid": "a UUID",
    "date": "a date such as 2026-01-31",
    "datetime": "a time such as 2026-01-31T09:00:00Z",
}
_UNITS = {"str": "character", "array": "item", "object": "member"}
_INVALID = {
    "Invalid UUID": "must be a UUID",
    "Invalid RFC3339 encoded datetime": f"must be {_TYPES['datetime']}",
    "Invalid RFC3339 encoded date": f"must be {_TYPES['date']}",
}
_LENGTH = re.compile(r"Expected `(\w+)` of length (>=|<=|==) (\d+)")
_RANGE = re.compile(r"Expected `(?:int|float)` (>=|<=|>|<) (\S+)")
_PATTERN = re.compile(r"Expected `str` matching regex (.+)")
_TYPE = re.compile(r"Expected `([\w| ]+)`")
# What tells READABLE from other patterns, however msgspec escapes it.
_TURNING = "u202a-"
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than", "==": "exactly"}


def plain(text: str, kind: Any) -> str:
    """`must be …` for what msgspec says of a value that was to be of `kind`."""
    if text.startswith("Invalid enum value"):
        return "must be one of " + ", ".join(dict.fromkeys(_choices(kind)))
    if text in _INVALID:
        return _INVALID[text]
    if found := _LENGTH.match(text):
        name, bound, count = found.groups()
        unit = _UNITS.get(name, "item") + ("" if count == "1" else "s")
        if bound == "==":
            return f"must have {count} {unit}"
        return f"must have {count} {unit} {_BOUNDS[bound]}"
    if found := _RANGE.match(text):
        return f"must be {_BOUNDS[found[1]]} {found[2].removesuffix('.0')}"
    if found := _PATTERN.match(text):
        if _TURNING in found[1]:
            return UNREADABLE
        example = next(_examples(kind), None)
        return f"must have a form such as {example}" if example else f"must match {found[1]}"
    if found := _TYPE.match(text):
        names = [_TYPES.get(name, name) for name in found[1].split(" | ")]
        return "must be " + " or ".join(names)
    return text


def _examples(kind: Any) -> Iterator[str]:
    """Of each pattern in an annotation."""
    for about in getattr(kind, "__metadata__", ()):
        if isinstance(about, Meta) and about.pattern and about.examples:
            yield str(about.examples[0])
    for argument in get_args(kind):
        yield from _examples(argument)


def _choices(kind: Any) -> Iterator[str]:
    """The values of each Literal in an annotation such as `list[Literal["a"]] | None`."""
    if get_origin(kind) is Literal:
        yield from map(str, get_args(kind))
        return
    for argument in get_args(kind):
        yield from _choices(argument)
