"""Progress, with the time: a run may take an hour."""

import sys
from datetime import datetime


def say(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S}  {text}", file=sys.stderr, flush=True)  # noqa: DTZ005
