"""`python -m benchmarks.build SIZE`: the data set alone."""

import sys

from benchmarks.dataset.building import opened
from benchmarks.saying import say
from benchmarks.sizes import SIZES

if __name__ == "__main__":
    with opened(SIZES[sys.argv[1]], say) as data:
        say(f"ready in {data.folder}")
