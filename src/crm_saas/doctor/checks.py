from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import psycopg

APP: Final = "crm_app"
PLATFORM: Final = "crm_platform"
# Of sql/roles.sql; none of them owns a table.
ROLES = (APP, PLATFORM, "crm_dump", "crm_worker", "crm_search")


class Check(NamedTuple):
    """`find` yields a sentence a fault; `fine` is what holds when there is none."""

    name: str
    fine: str
    find: Callable[[psycopg.Connection], Iterable[str]]
