"""Waiting for the thing itself, with a bound."""

import threading
import time
from collections.abc import Callable

SECONDS_MAX = 180


def until(holds: Callable[[], bool], seconds_max: float = SECONDS_MAX) -> None:
    deadline = time.monotonic() + seconds_max
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        threading.Event().wait(0.01)
