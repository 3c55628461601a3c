"""How long an answer takes does not tell whether the phone is a customer's.

Known and unknown phones are asked for in random turns, so that whatever else the machine does meets
both alike; a rank test (Mann and Whitney) compares them. The same test of two halves of the unknown
ones shows what chance does in this very run.
"""

import random
import time
from collections.abc import Callable
from math import sqrt

import httpx
import pytest

from assurance import Reached
from factories.codes import owner
from factories.customers import create_stub
from factories.tenants import TestTenant
from sizes import sized

SIDE = sized(short=200, long=1_000, full=5_000)
# A normal deviate that chance exceeds once in a hundred thousand runs.
DEVIATE_MAX = 4.5
# What would be found: a fifth of the spread between the quartiles, where a thousand are timed.
PLANTED = sized(short=0.8, long=0.2)


def mann_whitney(a: list[float], b: list[float]) -> float:
    """The normal deviate of U; ties do not happen to nanoseconds."""
    ranked = sorted([(value, 0) for value in a] + [(value, 1) for value in b])
    ranks = sum(rank for rank, (_, side) in enumerate(ranked, 1) if side == 0)
    u = ranks - len(a) * (len(a) + 1) / 2
    mean = len(a) * len(b) / 2
    return (u - mean) / sqrt(len(a) * len(b) * (len(a) + len(b) + 1) / 12)


def numbers(prefix: str) -> list[str]:
    """Spread over the blocks, so that no budget withholds anything for long."""
    return [f"+9689{index % 8 + 2}{prefix}{index:05d}" for index in range(SIDE)]


def measure(
    ask: Callable[[str], httpx.Response], known: list[str], unknown: list[str], expected: int
) -> tuple[list[float], list[float]]:
    turns = [(phone, 0) for phone in known] + [(phone, 1) for phone in unknown]
    random.Random().shuffle(turns)  # noqa: S311
    taken: tuple[list[float], list[float]] = ([], [])
    for phone, side in turns:
        started = time.perf_counter()
        answer = ask(phone)
        taken[side].append(time.perf_counter() - started)
        assert answer.status_code == expected, answer.text
    return taken


@pytest.mark.parametrize("asked", ["send-otp", "verify-otp"])
def test_known_and_unknown_phones_take_as_long(
    asked: str, tenant: TestTenant, reached: Reached
) -> None:
    known, unknown = numbers("1"), numbers("3")
    for phone in known:
        create_stub(tenant.client("owner"), phone=phone)
    client = tenant.client("pos")
    with owner(tenant) as connection:

        def ask(phone: str) -> httpx.Response:
            if asked == "verify-otp":
                body = {"phone": phone, "code": "123456"}
                return client.post("/customers/verify-otp", json=body)
            connection.execute("delete from sys_otp_budgets")
            return client.post("/customers/send-otp", json={"phone": phone})

        for phone in numbers("5")[:50]:
            ask(phone)
        of_known, of_unknown = measure(ask, known, unknown, 202 if asked == "send-otp" else 422)
    apart = mann_whitney(of_known, of_unknown)
    by_chance = mann_whitney(of_unknown[::2], of_unknown[1::2])
    assert abs(apart) < max(DEVIATE_MAX, abs(by_chance) + DEVIATE_MAX / 2), (apart, by_chance)
    ordered = sorted(of_unknown)
    spread = ordered[len(ordered) * 3 // 4] - ordered[len(ordered) // 4]
    slower = [value + PLANTED * spread for value in of_unknown]
    assert abs(mann_whitney(of_unknown, slower)) > DEVIATE_MAX, "a difference would not be found"
    reached(f"requests timed for {asked}, known and unknown phones", 2 * SIDE)
