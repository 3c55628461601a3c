"""When a key was last used: gathered in the process and written once a minute.

A write on every request would cost more than most requests do, and would make them queue on the
key's row.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from crm_saas.access.models import KeyUse
from crm_saas.kit.background import in_background
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database, Scope

log = logging.getLogger(__name__)

WRITE_SECONDS = 60
KEYS_MAX = 10_000


class KeyUses:
    """What one process has seen since it last wrote; a crash loses a minute of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[UUID, dict[UUID, datetime]] = {}

    def note(self, context: Context) -> None:
        if context.actor.kind == "key" and context.actor.id is not None:
            of_tenant = self._seen.setdefault(context.tenant.id, {})
            if context.actor.id in of_tenant or len(of_tenant) < KEYS_MAX:
                of_tenant[context.actor.id] = datetime.now(UTC)

    async def write(self) -> None:
        seen, self._seen = self._seen, {}
        for tenant_id, keys in seen.items():
            try:
                await self._write_of(tenant_id, keys)
            except IntegrityError:
                log.info("keys were used whose tenant is deleted by now")

    async def _write_of(self, tenant_id: UUID, keys: dict[UUID, datetime]) -> None:
        async with self._database.transaction(Scope(tenant_id), "asides") as session:
            # Sorted, so that two processes take the rows in one order.
            rows = [
                {"tenant_org_id": tenant_id, "id": key_id, "last_used_at": at}
                for key_id, at in sorted(keys.items())
            ]
            fresh = insert(KeyUse).values(rows)
            await session.execute(
                fresh.on_conflict_do_update(
                    index_elements=[KeyUse.tenant_org_id, KeyUse.id],
                    set_={
                        "last_used_at": func.greatest(
                            KeyUse.last_used_at, fresh.excluded.last_used_at
                        )
                    },
                )
            )

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Writes every minute while the block runs, and once more at its end."""
        try:
            async with in_background(self._write_forever()):
                yield
        finally:
            await self._try_to_write()

    async def _write_forever(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self._try_to_write()

    async def _try_to_write(self) -> None:
        try:
            await self.write()
        except Exception as error:  # the next minute's are written, whatever became of these
            log.warning("could not write when keys were used: %s", type(error).__name__)
