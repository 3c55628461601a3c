from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody

from crm_saas.access.errors import NameTaken
from crm_saas.customers import saved_views
from crm_saas.customers.errors import TooManyViews
from crm_saas.customers.fast import is_fast
from crm_saas.customers.listing import SORT_DEFAULT
from crm_saas.customers.saved_view_schemas import PatchView, SavedViewList, SavedViewView, SaveView
from crm_saas.customers.saved_views import SavedView
from crm_saas.kit.dependencies import RequestContext
from crm_saas.kit.errors import NotFound, PreconditionFailed
from crm_saas.kit.etags import IfMatch, etag_of
from crm_saas.kit.problems import problems


@get("/views", permission="customers:read", responses=problems())
async def list_views(context: RequestContext) -> SavedViewList:
    return SavedViewList(items=[_view(context, v) for v in await saved_views.list_views(context)])


@post("/views", permission="customers:read", responses=problems(NameTaken, TooManyViews))
async def save_view(context: RequestContext, data: JSONBody[SaveView]) -> Response[SavedViewView]:
    """Keeps a filter and an order; `GET /customers?view={id}` lists by it. Sharing one needs
    `views:share`."""
    return _one(context, await saved_views.save_view(context, data))


@get("/views/{view_id:uuid}", permission="customers:read", responses=problems(NotFound))
async def read_view(context: RequestContext, view_id: FromPath[UUID]) -> Response[SavedViewView]:
    return _one(context, await saved_views.access_view(context, view_id))


@patch(
    "/views/{view_id:uuid}",
    permission="customers:read",
    responses=problems(NotFound, NameTaken, PreconditionFailed),
)
async def change_view(
    context: RequestContext,
    view_id: FromPath[UUID],
    data: JSONBody[PatchView],
    if_match: IfMatch = None,
) -> Response[SavedViewView]:
    view = await saved_views.change_view(context, view_id, data, if_match=if_match)
    return _one(context, view)


@delete("/views/{view_id:uuid}", permission="customers:read", responses=problems(NotFound))
async def remove_view(context: RequestContext, view_id: FromPath[UUID]) -> None:
    await saved_views.remove_view(context, view_id)


def _one(context: RequestContext, view: SavedView) -> Response[SavedViewView]:
    return Response(_view(context, view), headers={"ETag": etag_of(view)})


def _view(context: RequestContext, view: SavedView) -> SavedViewView:
    same = ("id", "name", "filter", "sort", "columns", "shared", "created_at", "updated_at")
    return SavedViewView(
        **{name: getattr(view, name) for name in same},
        is_own=saved_views.is_own(context, view),
        is_fast=is_fast(context.actor, view.wanted.asked(), view.sort or SORT_DEFAULT),
    )


ROUTES = [list_views, save_view, read_view, change_view, remove_view]
