"""A request and what the model expects of it; what a lane works with and counts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg

from factories.servers import Server
from model.watched import Watched
from model.wire import Answer
from model.world import Credential, Json


class Mismatch(AssertionError):
    """The application and the model disagree."""


@dataclass
class Call:
    """A request, and what the model says of it. `check` reads the answer, `apply` tells the model
    what has happened; where a client never saw the answer, `apply` is given None."""

    who: Credential
    method: str
    path: str
    status: int = 200
    query: Json | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    permission: str | None = None
    check: Callable[[Answer], None] = lambda _: None
    apply: Callable[[Answer | None], None] = lambda _: None
    subject: str | None = None  # the customer that a write without a key is looked for at
    may_be_cut: bool = True
    keyed: bool = True  # a POST that may go with an Idempotency-Key
    or_status: int | None = None  # where the model does not follow the last detail
    stays_home: bool = False  # is never sent to the other tenant's door


@dataclass
class Tally:
    steps: int = 0
    cut: int = 0
    unknown: int = 0
    cancels: int = 0
    unavailable: int = 0


@dataclass
class Side:
    """A server and how it is watched."""

    server: Server
    watched: Watched


class Hands(NamedTuple):
    """Connections beside the application's, which all lanes share: the owner, who reads what no
    role may, and the application's own role, which may cancel its own statements."""

    owner: psycopg.Connection[Any]
    app: psycopg.Connection[Any]
