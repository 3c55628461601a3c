"""What a request does last goes to the database together with its commit, in one round trip.

A lock that all of a tenant's requests want, such as the counter's of its numbers, is held from the
call that takes it until the commit. Between the two would lie the making of the answer, and
whatever else the process does meanwhile; so the answer is made before. What the last call alone
decides stands in it as a placeholder, and is filled in once the commit has succeeded. An answer
that is kept for an Idempotency-Key is kept with the placeholder, and beside it what that stands
for (docs/decisions/the-number-comes-last.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from crm_saas.kit.errors import Conflict
from crm_saas.kit.wire import Call, Statement

# Placeholder → what it stands for; both are written in JSON as they are.
Late = Mapping[str, str]


@dataclass(frozen=True)
class LastCall:
    """`statement` takes the row of the kept answer as `%(answer)s`, null where none is kept.

    `read` tells what it decided; a refusal that it raises is answered instead. Then the call must
    have written nothing, since it is committed.
    """

    statement: Statement
    values: Mapping[str, Any]
    read: Callable[[list[Any]], Late] = lambda _: {}


@dataclass
class Ending:
    """How the transaction of a request ends. Whoever wants to be last says so here, once."""

    began_at: datetime
    """By the database's clock, as its `now()` says throughout the transaction."""
    last: LastCall | None = None
    answer: Mapping[str, Any] | None = None
    """The row that keeps the answer (kit/idempotency.py), which the last call writes."""

    def call(self) -> Call:
        assert self.last is not None, "nobody has said what comes last"
        answer = None if self.answer is None else msgspec.json.encode(self.answer).decode()
        return self.last.statement.with_values(answer=answer, **self.last.values)

    def read(self, rows: list[Any]) -> Late:
        assert self.last is not None
        return self.last.read(rows)


class LostRace(Conflict):
    """Somebody else did meanwhile what this request was about to do. Nothing was written; the
    request is run again from its start, and finds it done."""

    def __init__(self) -> None:
        super().__init__("Somebody did the same thing at this moment; look again and retry.")


def fill_in(text: bytes, late: Late) -> bytes:
    for placeholder, value in late.items():
        text = text.replace(placeholder.encode(), value.encode())
    return text
