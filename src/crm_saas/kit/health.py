"""Health (SPEC 19): alive is the process, ready is the process with its database."""

import asyncio
import math
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.kit.background import in_background
from crm_saas.kit.db import Database
from crm_saas.kit.draining import Drain
from crm_saas.kit.schemas import Struct
from crm_saas.kit.settings import ROOT
from crm_saas.kit.telemetry import metrics

WATCH_SECONDS = 15
KEPT_SECONDS = 1.0
OK = "ok"
STOPPING = "stopping"
DATABASE_AWAY = "database unavailable"
_REVISION = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
_AFTER = re.compile(r'^down_revision = "(\w+)"$', re.MULTILINE)


class Health(Struct):
    status: str


class Readiness:
    """Whether this process should be sent work, and why not.

    Anybody may ask: whoever does so at once, and within a second, shares one look at the database,
    and the connections that leases need stay theirs.
    """

    def __init__(self, database: Database, drain: Drain) -> None:
        self._database = database
        self._drain = drain
        self._is_migrated = False
        self._look: asyncio.Task[str] | None = None
        self._looked_at = -math.inf

    async def check(self) -> str:
        """`ok`, or what is wrong."""
        if self._look is None or self._is_old(self._look):
            self._look = asyncio.create_task(self._look_at_database())
        # It goes on when who asked has left: others wait for it.
        status = await asyncio.shield(self._look)
        return STOPPING if self._drain.begun and status != DATABASE_AWAY else status

    def _is_old(self, look: "asyncio.Task[str]") -> bool:
        return look.done() and time.monotonic() - self._looked_at >= KEPT_SECONDS

    async def _look_at_database(self) -> str:
        try:
            async with self._database.session("asides") as session:
                await session.execute(text("select 1"))
                metrics.DATABASE_UP.set(1)
                # Tables are never taken back, so that one good answer holds.
                self._is_migrated = self._is_migrated or await _is_migrated(session)
        except Exception:
            metrics.DATABASE_UP.set(0)
            return DATABASE_AWAY
        finally:
            self._looked_at = time.monotonic()
        return OK if self._is_migrated else "the database waits for crm-saas migrate"

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Keeps the metric fresh in a process that nobody probes."""
        metrics.DATABASE_UP.set(1)  # it has just started with it
        try:
            async with in_background(self._watch()):
                yield
        finally:
            await self._end_look()

    async def _end_look(self) -> None:
        if self._look is not None:
            self._look.cancel()
            with suppress(asyncio.CancelledError):
                await self._look

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self.check()


@get("/health/live", public=True, unlimited=True)
async def live() -> Health:
    return Health(status=OK)


@get(
    "/health/ready",
    public=True,
    unlimited=True,
    responses={
        503: ResponseSpec(Health, description="Service Unavailable", generate_examples=False)
    },
)
async def ready(readiness: NamedDependency[Readiness]) -> Response[Health]:
    """503 while the database does not answer or waits for a migration, and once the process was
    told to stop; load balancers then look elsewhere."""
    status = await readiness.check()
    return Response(Health(status=status), status_code=200 if status == OK else 503)


ROUTES = [live, ready]


async def _is_migrated(session: AsyncSession) -> bool:
    """A revision that this version does not know is a later one: while a new version is rolled
    out, the old one serves on the new tables."""
    try:
        applied = set(await session.scalars(text("select * from applied_migrations()")))
    except ProgrammingError:  # no such function or table: older than this version
        return False
    return not is_behind(applied)


def is_behind(applied: set[str]) -> bool:
    """Whether tables at these revisions are of an earlier version."""
    heads, known = shipped_revisions()
    return applied <= known and not heads <= applied


@cache
def shipped_revisions() -> tuple[frozenset[str], frozenset[str]]:
    """The latest of this version's migrations, and all of them.

    From their texts: Alembic would bring templates and their highlighting, 10 MiB in each process.
    """
    texts = [file.read_text() for file in (ROOT / "migrations" / "versions").glob("*.py")]
    known = frozenset(name for text in texts for name in _REVISION.findall(text))
    return known - {name for text in texts for name in _AFTER.findall(text)}, known
