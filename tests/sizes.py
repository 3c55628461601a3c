"""How much of a thing a run tries: `short` in `make test`, `long` in the targets of their own
(`make model`, `make fuzz`, `make planted`, `make faults`), `full` in those with FULL=1.
"""

import os
from typing import Literal, TypeVar

Size = Literal["short", "long", "full"]
T = TypeVar("T")

_NAMED: dict[str, Size] = {"short": "short", "long": "long", "full": "full"}
SIZE: Size = _NAMED[os.environ.get("CRM_TEST_SIZE") or "short"]


def sized(*, short: T, long: T, full: T | None = None) -> T:
    """`full` is as `long` where nothing else is said."""
    by_size = {"short": short, "long": long, "full": long if full is None else full}
    return by_size[SIZE]
