"""Handing out the result of an import."""

from collections.abc import AsyncIterator
from uuid import UUID

from crm_saas.imports.errors import ImportBusy, ImportExpired
from crm_saas.imports.models import TABLE
from crm_saas.imports.queries import access_import
from crm_saas.imports.stored import result_name
from crm_saas.kit.context import Context
from crm_saas.kit.events import record
from crm_saas.kit.files import Files


async def open_result(context: Context, import_id: UUID) -> AsyncIterator[bytes]:
    """The file, chunk by chunk; the first is read here, so that what fails fails before the answer.

    Raises ImportNotFound, ImportExpired, ImportBusy, FileMissing.
    """
    row = await access_import(context, import_id)
    if not row.has_file:
        raise ImportExpired("The result of this import is gone.")
    if not row.has_result:
        raise ImportBusy(f"The import is `{row.status}`: a run that has ended has a result.")
    await record(context, "import.downloaded", subject=(TABLE, row.id))
    chunks = Files.from_settings(context.settings).read(result_name(context.tenant.id, row.id))
    first = await anext(chunks)
    return _after(first, chunks)


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
