"""What an event commits to is what the database gives back, to the last number."""

import json
import struct
from random import Random
from typing import Any

import pytest

from crm_saas.audit.values import Unreadable, values_hold
from crm_saas.kit.events import commitment, plain
from crm_saas.kit.settings import Settings
from factories.database import as_role

NUMBERS = [
    0, -0.0, 0.1, 5.0, 1e15, 1e16, 1e17, -1e17, 1.234e18, 1e22, 1.5e300, 1e-7, 1e-300, 5e-324,
    2**53 + 1, 2**63 - 1, -(2**63), 10**16, 10**17, 12345678901234567, True, None,
]  # fmt: skip


def floats(how_many: int) -> list[float]:
    draw = Random(7)  # noqa: S311 (so that a run can be repeated)
    drawn = (struct.unpack("d", draw.randbytes(8))[0] for _ in range(how_many))
    return [number for number in drawn if abs(number) < float("inf")]


def test_every_number_comes_back_as_it_was_committed_to(shared_settings: Settings) -> None:
    numbers = [*NUMBERS, *floats(2_000), *(number * 1e17 for number in range(100))]
    with as_role(shared_settings) as connection:
        for number in numbers:
            values: dict[str, Any] = {"preferences": {"a": [number], "b": "1e17"}}
            recorded = plain(values)
            row = connection.execute("select %s::jsonb::text", [json.dumps(recorded)]).fetchone()
            assert row is not None
            stored = {"before": "null", "after": row[0], "salt": b"salt"}
            assert values_hold(stored, commitment(b"salt", None, recorded)), number


@pytest.mark.parametrize("after", ["1" * 400, "[" * 100_000, "nothing"])
def test_values_that_no_verb_writes_are_no_accident_of_ours(after: str) -> None:
    with pytest.raises(Unreadable):
        values_hold({"before": None, "after": after, "salt": b"salt"}, b"")
