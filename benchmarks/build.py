"""`python -m benchmarks.build SIZE`: the data set alone; with `--hold`, for a look at it."""

import argparse
import threading
from contextlib import suppress

from benchmarks.dataset.building import opened
from benchmarks.saying import end_on_signals, say
from benchmarks.sizes import SIZES

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build")
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--hold", action="store_true", help="serve it until Ctrl-C")
    asked = parser.parse_args()
    end_on_signals()
    with opened(SIZES[asked.size], say) as data:
        say(f"ready in {data.folder}")
        if asked.hold:
            say(f"as the superuser: {data.superuser_url}")
            with suppress(KeyboardInterrupt):
                threading.Event().wait()
