from uuid import UUID

from litestar import Response, get, patch, post
from litestar.params import FromPath, JSONBody

from crm_saas.custom import queries, service
from crm_saas.custom.errors import FieldKeyTaken, TooManyFields
from crm_saas.custom.models import CustomField
from crm_saas.custom.schemas import CreateField, FieldList, FieldView, PatchField
from crm_saas.kit.dependencies import RequestContext
from crm_saas.kit.errors import NotFound, PreconditionFailed
from crm_saas.kit.etags import IfMatch, etag_of
from crm_saas.kit.problems import problems


@get("/custom-fields", permission="customers:read", responses=problems())
async def list_custom_fields(context: RequestContext) -> FieldList:
    return FieldList(items=[_view(field) for field in await queries.list_fields(context)])


@post(
    "/custom-fields",
    permission="fields:manage",
    responses=problems(FieldKeyTaken, TooManyFields),
)
async def create_custom_field(
    context: RequestContext, data: JSONBody[CreateField]
) -> Response[FieldView]:
    return _one(await service.create_field(context, data))


@patch(
    "/custom-fields/{field_id:uuid}",
    permission="fields:manage",
    responses=problems(NotFound, PreconditionFailed),
)
async def change_custom_field(
    context: RequestContext,
    field_id: FromPath[UUID],
    data: JSONBody[PatchField],
    if_match: IfMatch = None,
) -> Response[FieldView]:
    return _one(await service.change_field(context, field_id, data, if_match=if_match))


def _one(field: CustomField) -> Response[FieldView]:
    return Response(_view(field), headers={"ETag": etag_of(field)})


def _view(field: CustomField) -> FieldView:
    return FieldView(**{name: getattr(field, name) for name in FieldView.__struct_fields__})


ROUTES = [list_custom_fields, create_custom_field, change_custom_field]
