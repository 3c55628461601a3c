import codecs
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, QueryParameter
from litestar.response import Stream

from crm_saas.customers.filters import CustomerFilter
from crm_saas.exports import service
from crm_saas.exports.columns import Format
from crm_saas.exports.downloads import answer_with, part_of
from crm_saas.exports.errors import (
    ExportEnded,
    ExportExpired,
    ExportNotFound,
    ExportNotReady,
    ExportTooLarge,
    LinkExpired,
    RangeNotSatisfiable,
    TooManyExports,
    TooManyForPaper,
)
from crm_saas.exports.links import read_link
from crm_saas.exports.making import MEDIA_TYPES
from crm_saas.exports.queries import (
    access_export,
    access_linked,
    list_exports,
    require_file,
    view_export,
)
from crm_saas.exports.schemas import ExportList, ExportView, NewExport
from crm_saas.kit.dependencies import AppDatabase, RequestContext
from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.files import FileMissing, Files, FilesUnavailable
from crm_saas.kit.jobs import JobRefused
from crm_saas.kit.paging import LIMIT_DEFAULT, Cursor, Limit
from crm_saas.kit.problems import problems
from crm_saas.kit.queries import read_query
from crm_saas.tenancy.registry import job_context

_TYPES = list(MEDIA_TYPES.values())
_OF_A_FILE = (
    ExportNotFound, ExportNotReady, ExportExpired, FileMissing, FilesUnavailable,
    RangeNotSatisfiable,
)  # fmt: skip
Range = Annotated[str | None, HeaderParameter(name="Range", max_length=100)]
IfRange = Annotated[str | None, HeaderParameter(name="If-Range", max_length=100)]


@get(
    "/customers/export",
    permission="customers:export",
    query=CustomerFilter,
    responses=problems(ExportTooLarge, TooManyForPaper),
    media_type="text/csv",
    media_types=_TYPES,
)
async def export_customers(
    context: RequestContext,
    request: Request[Any, Any, Any],
    file_format: Annotated[Format, QueryParameter(name="format")] = "csv",
    bom: FromQuery[bool] = False,
) -> Stream:
    """Every customer that the filters leave, in the order of their numbers; it is recorded.

    CSV and JSON Lines of any size, as they are read; a workbook of 10,000 customers and a PDF of
    2,000. What takes longer than a request, or should be fetched later: `POST /exports`. CSV and
    workbooks can be imported again. `bom=true` begins a CSV with a byte order mark, without which
    Excel takes UTF-8 for the machine's old encoding.
    """
    if bom and file_format != "csv":
        raise InvalidInput.of("bom", "is for CSV alone")
    wanted = read_query(request, CustomerFilter)
    chunks = await service.open_export(
        context, wanted, file_format, let_go=request.scope["state"]["let_go"]
    )
    return Stream(
        _marked(chunks) if bom else chunks,
        headers={
            # The route's own media type would win over the response's, but not over a header.
            "Content-Type": MEDIA_TYPES[file_format],
            "Content-Disposition": f'attachment; filename="customers.{file_format}"',
        },
    )


async def _marked(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield codecs.BOM_UTF8 + await anext(chunks, b"")
    async for chunk in chunks:
        yield chunk


@post(
    "/exports",
    permission="customers:export",
    status_code=202,
    responses=problems(TooManyExports, TooManyForPaper),
)
async def request_export(
    context: RequestContext, data: JSONBody[NewExport]
) -> Response[ExportView]:
    """Makes a file beside the request. Look at `Location` until its `status` is `ready`: it has a
    link then, and the file is kept for a day."""
    shown = await service.request_export(context, file_format=data.format, wanted=data.filter)
    return Response(
        view_export(context, shown),
        status_code=202,
        headers={"Location": f"/api/v1/exports/{shown.export.id}"},
    )


@get("/exports", permission="customers:export", responses=problems())
async def show_exports(
    context: RequestContext, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> ExportList:
    """The newest first."""
    page = await list_exports(context, limit=limit, cursor=cursor)
    return ExportList(
        items=[view_export(context, shown) for shown in page.rows], next_cursor=page.next_cursor
    )


@get(
    "/exports/{export_id:uuid}",
    permission="customers:export",
    responses=problems(ExportNotFound),
)
async def read_export(context: RequestContext, export_id: FromPath[UUID]) -> ExportView:
    """How far it is; once it is ready, with a fresh link each time."""
    return view_export(context, await access_export(context, export_id))


@post(
    "/exports/{export_id:uuid}/cancel",
    permission="customers:export",
    status_code=200,
    responses=problems(ExportNotFound, ExportEnded),
)
async def cancel_export(context: RequestContext, export_id: FromPath[UUID]) -> ExportView:
    return view_export(context, await service.cancel_export(context, export_id))


@get(
    "/exports/{export_id:uuid}/file",
    permission="customers:export",
    responses=problems(*_OF_A_FILE),
    media_type="text/csv",
    media_types=_TYPES,
)
async def read_export_file(
    context: RequestContext,
    request: Request[Any, Any, Any],
    export_id: FromPath[UUID],
    byte_range: Range = None,
    if_range: IfRange = None,
) -> Stream:
    """The file, or with `Range` a part of it; each download is recorded."""
    export = (await access_export(context, export_id)).export
    require_file(export)
    part = part_of(context, export, byte_range=byte_range, if_range=if_range)
    await service.note_download(context, export, range=byte_range, link=False)
    await request.scope["state"]["let_go"]()
    return await answer_with(part, Files.from_settings(context.settings))


@get(
    "/exports/download/{token:str}",
    public=True,
    responses=problems(LinkExpired, *_OF_A_FILE),
    media_type="text/csv",
    media_types=_TYPES,
)
async def download_export(
    request: Request[Any, Any, Any],
    database: AppDatabase,
    token: FromPath[str],
    byte_range: Range = None,
    if_range: IfRange = None,
) -> Stream:
    """The file of a link, for a browser: without a credential, as long as whoever asked for the
    link may download it themselves."""
    link = read_link(database.settings, token)
    try:
        async with job_context(database, link.tenant_id, "exports.download") as context:
            export = await access_linked(context, link)
            part = part_of(context, export, byte_range=byte_range, if_range=if_range)
            state = request.scope["state"]
            context = replace(context, request_id=state["request_id"], address=state["address"])
            await service.note_download(context, export, range=byte_range, link=True)
    except JobRefused as error:
        raise ExportNotFound from error
    state["release"]()  # the place among those that hold a connection
    return await answer_with(part, Files.from_settings(database.settings))


ROUTES = [
    export_customers, request_export, show_exports, read_export, cancel_export, read_export_file,
    download_export,
]  # fmt: skip
