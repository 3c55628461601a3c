"""Preferences: any JSON within bounds, and within the tenant's schema where it has one."""

from typing import Any

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from crm_saas.kit.context import Tenant

BYTES_MAX = 16 * 1024
_INTEGER_MAX = 2**63 - 1
# The library's own would fetch what a `$ref` names, from wherever the schema's author says.
_NOTHING: Registry[Any] = Registry()


def read_preferences(tenant: Tenant, value: dict[str, Any]) -> dict[str, Any]:
    """Raises ValueError."""
    check_numbers(value)
    if len(msgspec.json.encode(value)) > BYTES_MAX:
        raise ValueError(f"must be {BYTES_MAX:,} bytes of JSON at the most")
    if (schema := tenant.policy("preferences_schema", None)) is not None:
        _check_schema(schema, value)
    return value


def _check_schema(schema: dict[str, Any], value: dict[str, Any]) -> None:
    try:
        error = best_match(Draft202012Validator(schema, registry=_NOTHING).iter_errors(value))
    except Unresolvable as unresolved:
        raise ValueError(
            f"cannot be checked: the tenant's schema has no {unresolved.ref}; ask the operator"
        ) from unresolved
    if error is not None:
        raise ValueError(f"{error.json_path}: {error.message}"[:500])


def unresolved_reference(schema: dict[str, Any]) -> str | None:
    """The first `$ref` of a schema (2020-12) that leads out of it, or nowhere."""
    root: Resource[Any] = DRAFT202012.create_resource(schema)
    waiting = [(_NOTHING.resolver_with_root(root), root)]
    while waiting:
        resolver, resource = waiting.pop()
        for word in ("$ref", "$dynamicRef"):
            place = resource.contents.get(word) if isinstance(resource.contents, dict) else None
            if isinstance(place, str):
                try:
                    resolver.lookup(place)
                except Unresolvable:
                    return place
        waiting += [(resolver.in_subresource(sub), sub) for sub in resource.subresources()]
    return None


def check_numbers(value: object) -> None:
    match value:
        case bool():
            return
        case int() if abs(value) > _INTEGER_MAX:
            raise ValueError("has a number beyond 2^63")
        case float() if value != value or value in (float("inf"), float("-inf")):
            raise ValueError("has a number that is out of range")
        case dict():
            for item in value.values():
                check_numbers(item)
        case list():
            for item in value:
                check_numbers(item)
