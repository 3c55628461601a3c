"""What is measured, one file a piece of work, in the order of the table."""

from collections.abc import Callable

from benchmarks.contest import Bench
from benchmarks.items import (
    create,
    exports,
    find,
    imports,
    lists,
    memory,
    policies,
    read,
    search,
    sweep,
)
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
    "export": exports.measure,
    "sweep": sweep.measure,
    "import": imports.measure,
    "memory": memory.measure,
}
