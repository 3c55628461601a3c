"""Handing out the result of an import."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

from crm_saas.imports.errors import ImportBusy, ImportExpired
from crm_saas.imports.models import TABLE
from crm_saas.imports.queries import access_import
from crm_saas.imports.stored import result_name
from crm_saas.kit.context import Context
from crm_saas.kit.events import record
from crm_saas.kit.files import Files
from crm_saas.kit.streams import begun


async def open_result(
    context: Context, import_id: UUID, *, let_go: Callable[[], Awaitable[None]]
) -> AsyncIterator[bytes]:
    """The file, chunk by chunk; the first is read here, so that what fails fails before the answer.

    Recorded before the store is asked, whose time is not the transaction's.

    Raises ImportNotFound, ImportExpired, ImportBusy, FileMissing.
    """
    row = await access_import(context, import_id)
    if not row.has_file:
        raise ImportExpired("The result of this import is gone.")
    if not row.has_result:
        raise ImportBusy(f"The import is `{row.status}`: a run that has ended has a result.")
    await record(context, "import.downloaded", subject=(TABLE, row.id))
    await let_go()
    name = result_name(context.tenant.id, row.id)
    return await begun(Files.from_settings(context.settings).read(name))
