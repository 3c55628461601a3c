from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from crm_saas.customers.errors import CustomerNotFound
from crm_saas.customers.similarity import Kind
from crm_saas.customers.views import view_customer
from crm_saas.kit.dependencies import RequestContext
from crm_saas.kit.errors import NotFound
from crm_saas.kit.paging import LIMIT_DEFAULT, Cursor, Limit
from crm_saas.kit.problems import problems
from crm_saas.merges import queries, service, suggestions, sweeps, undo, views
from crm_saas.merges.errors import (
    AlreadyMerged,
    AlreadyUndone,
    LaterMergeFirst,
    MergeBlocked,
    SuggestionMerged,
    SweepOver,
    SweepRunning,
    UndoWindowOver,
)
from crm_saas.merges.schemas import (
    DismissSuggestions,
    MergeCustomers,
    MergeDetail,
    MergeDone,
    MergeList,
    MergePreview,
    MergeUndone,
    PreviewMerge,
    SuggestionList,
    SuggestionView,
    SweepList,
    SweepView,
)


@post(
    "/customers/merge/preview",
    permission="customers:merge",
    status_code=200,
    responses=problems(CustomerNotFound),
)
async def preview_merge(context: RequestContext, data: JSONBody[PreviewMerge]) -> MergePreview:
    """What a merge would move, what clashes, what blocks it, and the survivor that comes of it."""
    return await views.preview_merge(
        context, source_id=data.source_id, target_id=data.target_id, choices=data.choices
    )


@post(
    "/customers/merge",
    permission="customers:merge",
    responses=problems(CustomerNotFound, AlreadyMerged, MergeBlocked),
)
async def merge_customers(
    context: RequestContext, data: JSONBody[MergeCustomers]
) -> Response[MergeDone]:
    """Merges the source into the target. A retry needs an `Idempotency-Key`: without one it is
    told that the source was merged before."""
    merge, (source, target) = await service.merge_customers(
        context,
        source_id=data.source_id,
        target_id=data.target_id,
        choices=data.choices,
        reason=data.reason,
    )
    done = MergeDone(
        **views.merge_fields(merge, source, target), customer=view_customer(context, target)
    )
    return Response(done, headers={"Location": f"/api/v1/merges/{merge.id}"})


@get("/merges", permission="customers:read", responses=problems())
async def list_merges(
    context: RequestContext,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> MergeList:
    """The merges of customers that the caller may see, newest first."""
    page = await queries.list_merges(context, limit=limit, cursor=cursor)
    return MergeList(
        items=[views.view_merge(row) for row in page.rows], next_cursor=page.next_cursor
    )


@get("/merges/{merge_id:uuid}", permission="customers:read", responses=problems(NotFound))
async def read_merge(context: RequestContext, merge_id: FromPath[UUID]) -> MergeDetail:
    row = await queries.access_merge(context, merge_id)
    report = await views.view_report(context, row.merge)
    return MergeDetail(**views.merge_fields(*row), undo_report=report)


@post(
    "/merges/{merge_id:uuid}/undo",
    permission="customers:merge",
    status_code=200,
    responses=problems(NotFound, AlreadyUndone, LaterMergeFirst, UndoWindowOver),
)
async def undo_merge(context: RequestContext, merge_id: FromPath[UUID]) -> MergeUndone:
    """Takes a merge back within the tenant's window, the last one first."""
    merge, (source, target) = await undo.undo_merge(context, merge_id)
    return MergeUndone(
        **views.merge_fields(merge, source, target),
        undo_report=await views.view_report(context, merge),
        source=view_customer(context, source),
        target=view_customer(context, target),
    )


@get(
    "/customers/{customer_id:uuid}/duplicates",
    permission="customers:read",
    responses=problems(CustomerNotFound),
)
async def list_customer_duplicates(
    context: RequestContext, customer_id: FromPath[UUID]
) -> SuggestionList:
    """Customers that may be the same person as this one, the likeliest first, all in one page."""
    rows = await suggestions.suggestions_of(context, customer_id)
    return SuggestionList(items=[views.view_suggestion(context, row) for row in rows])


@get("/duplicates", permission="customers:read", responses=problems())
async def list_duplicates(
    context: RequestContext,
    min_score: Annotated[float | None, QueryParameter(name="minScore", ge=0, le=1)] = None,
    evidence: Annotated[Kind | None, QueryParameter()] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    total: FromQuery[bool] = False,
) -> SuggestionList:
    """Open suggestions, the likeliest first. `evidence`: the strongest that speaks for each.

    One sees those of whose customers one sees both. Where that is few of many, a page may have
    fewer than `limit`, or none, and a `nextCursor` all the same: go on until it is null.
    """
    asked = suggestions.Asked(min_score, evidence)
    page = await suggestions.list_suggestions(context, asked, limit=limit, cursor=cursor)
    count = await suggestions.count_suggestions(context, asked) if total else None
    return SuggestionList(
        items=[views.view_suggestion(context, row) for row in page.rows],
        next_cursor=page.next_cursor,
        total=count and count.total,
        total_is_capped=count and count.is_capped,
    )


@post(
    "/duplicates/{suggestion_id:uuid}/dismiss",
    permission="customers:merge",
    status_code=200,
    responses=problems(NotFound, SuggestionMerged),
)
async def dismiss_duplicate(
    context: RequestContext, suggestion_id: FromPath[UUID]
) -> SuggestionView:
    """Two people after all: the pair is not suggested again."""
    return views.view_suggestion(
        context, await suggestions.dismiss_suggestion(context, suggestion_id)
    )


@post(
    "/duplicates/dismiss",
    permission="customers:merge",
    status_code=200,
    responses=problems(NotFound, SuggestionMerged),
)
async def dismiss_duplicates(
    context: RequestContext, data: JSONBody[DismissSuggestions]
) -> SuggestionList:
    """Dismisses all of these, or none when one of them cannot be."""
    rows = await suggestions.dismiss_suggestions(context, data.ids)
    return SuggestionList(items=[views.view_suggestion(context, row) for row in rows])


@post(
    "/duplicates/sweeps",
    permission="customers:merge",
    status_code=202,
    responses=problems(SweepRunning),
)
async def start_sweep(context: RequestContext) -> Response[SweepView]:
    """Compares all customers with each other, as a job. Later changes are compared anyway."""
    sweep = await sweeps.start_sweep(context)
    return Response(
        views.view_sweep(sweep), headers={"Location": f"/api/v1/duplicates/sweeps/{sweep.id}"}
    )


@get("/duplicates/sweeps", permission="customers:merge", responses=problems())
async def list_sweeps(
    context: RequestContext, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> SweepList:
    """The newest first."""
    page = await sweeps.list_sweeps(context, limit=limit, cursor=cursor)
    return SweepList(
        items=[views.view_sweep(sweep) for sweep in page.rows], next_cursor=page.next_cursor
    )


@get(
    "/duplicates/sweeps/{sweep_id:uuid}",
    permission="customers:merge",
    responses=problems(NotFound),
)
async def read_sweep(context: RequestContext, sweep_id: FromPath[UUID]) -> SweepView:
    """How far it is, and what it found."""
    return views.view_sweep(await sweeps.access_sweep(context, sweep_id))


@post(
    "/duplicates/sweeps/{sweep_id:uuid}/cancel",
    permission="customers:merge",
    status_code=200,
    responses=problems(NotFound, SweepOver),
)
async def cancel_sweep(context: RequestContext, sweep_id: FromPath[UUID]) -> SweepView:
    """What it has found so far stays."""
    return views.view_sweep(await sweeps.cancel_sweep(context, sweep_id))


ROUTES = [
    preview_merge, merge_customers, list_merges, read_merge, undo_merge,
    list_customer_duplicates, list_duplicates, dismiss_duplicate, dismiss_duplicates,
    start_sweep, list_sweeps, read_sweep, cancel_sweep,
]  # fmt: skip
