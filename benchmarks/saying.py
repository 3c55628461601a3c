"""Progress, with the time: a run may take an hour. And its end, when somebody asks for it."""

import signal
import sys
from datetime import datetime
from types import FrameType

_ending: list[int] = []


def say(text: str) -> None:
    if _ending:
        raise KeyboardInterrupt
    print(f"{datetime.now():%H:%M:%S}  {text}", file=sys.stderr, flush=True)  # noqa: DTZ005


def end_on_signals() -> None:
    """At once; and if the exception is lost, as it is in what the collector calls, at the next
    `say`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> None:
    _ending.append(number)
    raise KeyboardInterrupt
