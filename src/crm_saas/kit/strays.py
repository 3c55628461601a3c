"""Files that no row knows: what a process left that died between the store and the database."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.kit.db import Database
from crm_saas.kit.files import Files

# A file comes before its row, by as much as a request or a job takes at the most.
STRAY_AFTER = timedelta(days=1)

NamesOf = Callable[[AsyncSession, Collection[UUID]], Awaitable[set[str]]]
"""The names of all files that tenants have by their rows."""


async def forget_strays(platform: Database, rooms: Collection[str], names_of: NamesOf) -> None:
    """Removes the files of these rooms that are older than a day and have no row."""
    files = Files.from_settings(platform.settings)
    before = datetime.now(UTC) - STRAY_AFTER
    async for listed in files.list_all():
        old = [file.name for file in listed if file.written_at < before]
        await _forget(platform, files, [name for name in old if _room(name) in rooms], names_of)


async def _forget(
    platform: Database, files: Files, names: Sequence[str], names_of: NamesOf
) -> None:
    if not names:
        return
    tenants = {UUID(name.partition("/")[0]) for name in names}
    async with platform.transaction(None) as session:
        known = await names_of(session, tenants)
    for name in names:
        if name not in known:
            await files.delete(name)


def _room(name: str) -> str:
    return name.split("/")[1]
