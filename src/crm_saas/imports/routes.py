from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from crm_saas.imports import queries, results, service
from crm_saas.imports.encodings import Delimiter, Encoding
from crm_saas.imports.errors import (
    ImportBusy,
    ImportExpired,
    ImportNotFound,
    TooManyImports,
    UnreadableFile,
)
from crm_saas.imports.plans import Plan
from crm_saas.imports.receiving import receive_import
from crm_saas.imports.schemas import ImportList, ImportRowList, ImportView, Outcome
from crm_saas.imports.starters import PERMISSION
from crm_saas.imports.views import view_import, view_row
from crm_saas.kit.dependencies import RequestContext
from crm_saas.kit.errors import TooLarge
from crm_saas.kit.files import FileMissing
from crm_saas.kit.paging import LIMIT_DEFAULT, Cursor, Limit
from crm_saas.kit.problems import problems

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@post(
    "/imports",
    permission=PERMISSION,
    streams_body=("text/csv", XLSX),
    responses=problems(UnreadableFile, TooLarge, TooManyImports),
)
async def upload_import(
    context: RequestContext,
    request: Request[Any, Any, Any],
    filename: Annotated[str, QueryParameter(max_length=300)] = "customers.csv",
    encoding: FromQuery[Encoding | None] = None,
    delimiter: FromQuery[Delimiter | None] = None,
) -> Response[ImportView]:
    """A CSV or XLSX file as the body. Nothing is imported yet: see the guessed mapping first.

    What the file is shows in its content. `encoding` and `delimiter` of a CSV are seen too, and
    can be named where they were seen wrongly.
    """
    return await receive_import(
        context, request, filename=filename, encoding=encoding, delimiter=delimiter
    )


@get("/imports", permission=PERMISSION, responses=problems())
async def list_imports(
    context: RequestContext, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> ImportList:
    """The newest first."""
    page = await queries.list_imports(context, limit=limit, cursor=cursor)
    return ImportList(items=[view_import(row) for row in page.rows], next_cursor=page.next_cursor)


@get("/imports/{import_id:uuid}", permission=PERMISSION, responses=problems(ImportNotFound))
async def read_import(context: RequestContext, import_id: FromPath[UUID]) -> ImportView:
    """How it stands; `progress` while it works."""
    return view_import(await queries.access_import(context, import_id))


@post(
    "/imports/{import_id:uuid}/dry-run",
    permission=PERMISSION,
    status_code=202,
    responses=problems(ImportNotFound, ImportBusy, ImportExpired),
)
async def dry_run_import(
    context: RequestContext, import_id: FromPath[UUID], data: JSONBody[Plan]
) -> ImportView:
    """Checks every row and says what it would do, without doing it."""
    return view_import(await service.start(context, import_id, data, is_dry=True))


@post(
    "/imports/{import_id:uuid}/run",
    permission=PERMISSION,
    status_code=202,
    responses=problems(ImportNotFound, ImportBusy, ImportExpired),
)
async def run_import(
    context: RequestContext, import_id: FromPath[UUID], data: JSONBody[Plan]
) -> ImportView:
    """Imports the rows that can be; the others are refused with their reasons."""
    return view_import(await service.start(context, import_id, data, is_dry=False))


@post(
    "/imports/{import_id:uuid}/cancel",
    permission=PERMISSION,
    status_code=202,
    responses=problems(ImportNotFound, ImportBusy),
)
async def cancel_import(context: RequestContext, import_id: FromPath[UUID]) -> ImportView:
    """Stops soon. What was imported by then stays; `/revert` takes it back, `/run` goes on."""
    return view_import(await service.cancel(context, import_id))


@post(
    "/imports/{import_id:uuid}/revert",
    permission=PERMISSION,
    status_code=202,
    responses=problems(ImportNotFound, ImportBusy, ImportExpired),
)
async def revert_import(context: RequestContext, import_id: FromPath[UUID]) -> ImportView:
    """Takes back what the import did to customers whom nobody has touched since.

    Those that it created are removed, and keep their number; those that it changed have their
    former values again. Rows that stay as they are say why.
    """
    return view_import(await service.revert(context, import_id))


@get("/imports/{import_id:uuid}/rows", permission=PERMISSION, responses=problems(ImportNotFound))
async def list_import_rows(
    context: RequestContext,
    import_id: FromPath[UUID],
    outcome: FromQuery[Outcome | None] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> ImportRowList:
    """What became of each row, or would; `outcome=refused` are those with reasons."""
    page = await queries.list_rows(context, import_id, outcome=outcome, limit=limit, cursor=cursor)
    return ImportRowList(items=[view_row(row) for row in page.rows], next_cursor=page.next_cursor)


@get(
    "/imports/{import_id:uuid}/result",
    permission=PERMISSION,
    responses=problems(ImportNotFound, ImportBusy, ImportExpired, FileMissing),
    media_type="text/csv",
    media_types=["text/csv; charset=utf-8; header=present"],
)
async def download_import_result(
    context: RequestContext, request: Request[Any, Any, Any], import_id: FromPath[UUID]
) -> Stream:
    """The rows as they came, with outcome, customer number and reason, as CSV."""
    let_go = request.scope["state"]["let_go"]
    chunks = await results.open_result(context, import_id, let_go=let_go)
    return Stream(
        chunks,
        headers={
            "Content-Type": "text/csv; charset=utf-8; header=present",
            "Content-Disposition": 'attachment; filename="import-result.csv"',
        },
    )


ROUTES = [
    upload_import, list_imports, read_import, dry_run_import, run_import, cancel_import,
    revert_import, list_import_rows, download_import_result,
]  # fmt: skip
