from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody

from crm_saas.bulk import service
from crm_saas.bulk.errors import BulkOver, TooMuchBulk
from crm_saas.bulk.models import BulkJob
from crm_saas.bulk.schemas import BulkCount, BulkList, BulkView, StartBulk
from crm_saas.kit.dependencies import RequestContext
from crm_saas.kit.errors import NotFound
from crm_saas.kit.paging import LIMIT_DEFAULT, Cursor, Limit
from crm_saas.kit.problems import problems

_SAME = (
    "verb", "status", "reason", "changed", "unchanged", "refused", "refusals", "changes",
    "finished_at",
)  # fmt: skip


@post("/customers/bulk/dry-run", permission="customers:bulk", status_code=200, responses=problems())
async def count_bulk(context: RequestContext, data: JSONBody[StartBulk]) -> BulkCount:
    """Checks all of it, and says how many customers it would be; changes nothing."""
    counted = await service.count_bulk(context, data)
    return BulkCount(matched=counted.total, matched_is_capped=counted.is_capped)


@post("/customers/bulk", permission="customers:bulk", responses=problems(TooMuchBulk))
async def start_bulk(context: RequestContext, data: JSONBody[StartBulk]) -> Response[BulkView]:
    """Edits, assigns or deactivates many customers: up to 200 at once, more by a job.

    Each verb needs its own permission too: `customers:update`, `customers:assign`,
    `customers:deactivate`. A customer that cannot be changed holds up no other. Ask
    `GET /customers/bulk/{id}` how far a job got.
    """
    job, is_capped = await service.start_bulk(context, data)
    place = f"/api/v1/customers/bulk/{job.id}"
    return Response(_view(job, is_capped=is_capped), status_code=201, headers={"Location": place})


@get("/customers/bulk", permission="customers:bulk", responses=problems())
async def list_bulk(
    context: RequestContext, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> BulkList:
    page = await service.list_bulk(context, limit=limit, cursor=cursor)
    return BulkList(items=[_view(job) for job in page.rows], next_cursor=page.next_cursor)


@get("/customers/bulk/{bulk_id:uuid}", permission="customers:bulk", responses=problems(NotFound))
async def read_bulk(context: RequestContext, bulk_id: FromPath[UUID]) -> BulkView:
    return _view(await service.access_bulk(context, bulk_id))


@post(
    "/customers/bulk/{bulk_id:uuid}/stop",
    permission="customers:bulk",
    status_code=200,
    responses=problems(NotFound, BulkOver),
)
async def stop_bulk(context: RequestContext, bulk_id: FromPath[UUID]) -> BulkView:
    """Stops it before its next piece; what is done stays done."""
    return _view(await service.stop_bulk(context, bulk_id))


def _view(job: BulkJob, *, is_capped: bool = False) -> BulkView:
    return BulkView(
        id=job.id,
        matched=job.matched,
        matched_is_capped=is_capped,
        created_at=job.created_at,
        **{name: getattr(job, name) for name in _SAME},
    )


ROUTES = [count_bulk, start_bulk, list_bulk, read_bulk, stop_bulk]
