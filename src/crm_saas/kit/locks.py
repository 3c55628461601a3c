"""Advisory locks on what a caller has named, by numbers that no caller can steer or work out.

PostgreSQL has one space of such locks for all tenants, and another for pairs of numbers, in which
our own are: (7203411, 0) of `migrate`, (7203412, 0) of `keys rotate-master`, (7203413, 0) of the
queue's tables. hashtextextended can be inverted: whoever chose the text could choose the lock.
"""

from sqlalchemy import text

from crm_saas.kit.context import Context
from crm_saas.kit.crypto import KeyRing, keyed_hash
from crm_saas.kit.settings import Settings

_TAKE = text("select pg_advisory_xact_lock(:number)")


def lock_number(settings: Settings, *parts: str) -> int:
    """Of the oldest master key. While that one is dropped, two processes may take different locks
    for one name: the unique constraints behind them stay the last word."""
    key = KeyRing.from_settings(settings).lookup_key("locks")
    digest = keyed_hash(key, *(part.encode() for part in parts))
    return int.from_bytes(digest[:8], "big", signed=True)


async def take_turn(context: Context, *what: str) -> None:
    """One transaction of the tenant after the other from here on, until each ends: whoever counts
    before it adds counts what all before it have added."""
    number = lock_number(context.settings, str(context.tenant.id), *what)
    await context.session.execute(_TAKE, {"number": number})
