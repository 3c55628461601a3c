"""Whether files can be stored where CRM_FILES_URL says."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import psycopg

from crm_saas.doctor.checks import Check
from crm_saas.kit.errors import Problem
from crm_saas.kit.files import Files, file_name
from crm_saas.kit.ids import new_id
from crm_saas.kit.settings import Settings, SettingsError

NAME = "files"
_NOBODY = UUID(int=0)
_TEXT = b"crm-saas doctor"


def files_check(settings: Settings) -> Check:
    def find_fault(_: psycopg.Connection) -> Iterator[str]:
        if settings.environment == "production" and not settings.files_url:
            yield (
                "CRM_FILES_URL is not set, so files lie in a folder of the process that made them. "
                "Name a folder or bucket that API and worker share."
            )
            return
        try:
            asyncio.run(_try(settings))
        except SettingsError as error:
            yield str(error)
        except Problem as error:
            yield (
                f"No file can be stored in CRM_FILES_URL and read again: {error.__cause__ or error}"
            )

    return Check(NAME, "A file can be stored, read and deleted.", find_fault)


async def _try(settings: Settings) -> None:
    async def text() -> AsyncIterator[bytes]:
        yield _TEXT

    files, name = Files.from_settings(settings), file_name(_NOBODY, "doctor", new_id())
    await files.write(name, text(), bytes_max=len(_TEXT))
    async for _ in files.read(name):
        pass
    await files.delete_all(str(_NOBODY))
