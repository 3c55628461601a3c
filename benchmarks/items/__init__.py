"""What is measured, one file a piece of work, in the order of the table."""

from collections.abc import Callable

from benchmarks.contest import Bench
from benchmarks.items import create, find, lists, memory, policies, read, search
from benchmarks.results import Row
from benchmarks.unmeasured import Unmeasured

__all__ = ["ITEMS", "Unmeasured"]

ITEMS: dict[str, Callable[[Bench], list[Row]]] = {
    "read": read.measure,
    "create": create.measure,
    "find": find.measure,
    "list": lists.measure,
    "search": search.measure,
    "policies": policies.measure,
    "memory": memory.measure,
}
