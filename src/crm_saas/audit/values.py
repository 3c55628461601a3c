"""The values of an event against what it committed to."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from crm_saas.kit.events import commitment


class Unreadable(ValueError):
    """Values that no verb writes."""


def values_hold(row: Mapping[str, Any], committed: bytes) -> bool:
    """Whether `before` and `after` (as JSON text) and `salt` yield the commitment."""
    if row["salt"] is None:
        return False
    before, after = _read(row["before"]), _read(row["after"])
    try:
        return commitment(row["salt"], before, after) == committed
    except (OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise Unreadable(str(error)) from error


def _read(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from error
