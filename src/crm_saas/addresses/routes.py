from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter

from crm_saas.addresses import near, queries, service, verification
from crm_saas.addresses.errors import AlreadyDecided, TooManyAddresses
from crm_saas.addresses.models import Address
from crm_saas.addresses.schemas import (
    AddressList,
    AddressView,
    BulkResult,
    CreateAddress,
    NearAddressList,
    NearAddressView,
    PatchAddress,
    Reject,
    VerificationStatistics,
    Verify,
    VerifyInBulk,
    WaitingAddressList,
    WaitingAddressView,
    values_of,
    view,
)
from crm_saas.kit.dependencies import RequestContext
from crm_saas.kit.errors import NotFound, PreconditionFailed
from crm_saas.kit.etags import IfMatch, etag_of
from crm_saas.kit.paging import LIMIT_DEFAULT, Cursor, Limit
from crm_saas.kit.problems import problems

OF_CUSTOMER = "/customers/{customer_id:uuid}/addresses"
ONE = OF_CUSTOMER + "/{address_id:uuid}"

Near = Annotated[int, QueryParameter(ge=1, le=near.LIMIT_MAX)]


@post(OF_CUSTOMER, permission="addresses:write", responses=problems(NotFound, TooManyAddresses))
async def create_address(
    context: RequestContext, customer_id: FromPath[UUID], data: JSONBody[CreateAddress]
) -> Response[AddressView]:
    address = await service.create_address(context, customer_id=customer_id, sent=data)
    answer = _one(address)
    answer.headers["Location"] = f"/api/v1/customers/{address.customer_id}/addresses/{address.id}"
    return answer


@get(OF_CUSTOMER, permission="addresses:read", responses=problems(NotFound))
async def list_addresses(
    context: RequestContext,
    customer_id: FromPath[UUID],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> AddressList:
    page = await queries.list_addresses(
        context, customer_id=customer_id, limit=limit, cursor=cursor
    )
    return AddressList(items=[view(a) for a in page.rows], next_cursor=page.next_cursor)


@get(ONE, permission="addresses:read", responses=problems(NotFound))
async def read_address(
    context: RequestContext, customer_id: FromPath[UUID], address_id: FromPath[UUID]
) -> Response[AddressView]:
    return _one(
        await queries.access_address(context, customer_id=customer_id, address_id=address_id)
    )


@patch(ONE, permission="addresses:write", responses=problems(NotFound, PreconditionFailed))
async def change_address(
    context: RequestContext,
    customer_id: FromPath[UUID],
    address_id: FromPath[UUID],
    data: JSONBody[PatchAddress],
    if_match: IfMatch = None,
) -> Response[AddressView]:
    return _one(
        await service.change_address(
            context, customer_id=customer_id, address_id=address_id, sent=data, if_match=if_match
        )
    )


@delete(ONE, permission="addresses:write", responses=problems(NotFound, PreconditionFailed))
async def remove_address(
    context: RequestContext,
    customer_id: FromPath[UUID],
    address_id: FromPath[UUID],
    if_match: IfMatch = None,
) -> None:
    await service.remove_address(
        context, customer_id=customer_id, address_id=address_id, if_match=if_match
    )


@post(
    ONE + "/default",
    permission="addresses:write",
    status_code=200,
    responses=problems(NotFound, PreconditionFailed),
)
async def set_default_address(
    context: RequestContext,
    customer_id: FromPath[UUID],
    address_id: FromPath[UUID],
    if_match: IfMatch = None,
) -> Response[AddressView]:
    return _one(
        await service.set_default_address(
            context, customer_id=customer_id, address_id=address_id, if_match=if_match
        )
    )


@post(
    ONE + "/verify",
    permission="addresses:verify",
    status_code=200,
    responses=problems(NotFound, AlreadyDecided, PreconditionFailed),
)
async def verify_address(
    context: RequestContext,
    customer_id: FromPath[UUID],
    address_id: FromPath[UUID],
    data: JSONBody[Verify | None] = None,
    if_match: IfMatch = None,
) -> Response[AddressView]:
    return _one(
        await verification.verify_address(
            context,
            customer_id=customer_id,
            address_id=address_id,
            notes=data.notes if data else None,
            if_match=if_match,
        )
    )


@post(
    ONE + "/reject",
    permission="addresses:verify",
    status_code=200,
    responses=problems(NotFound, AlreadyDecided, PreconditionFailed),
)
async def reject_address(
    context: RequestContext,
    customer_id: FromPath[UUID],
    address_id: FromPath[UUID],
    data: JSONBody[Reject],
    if_match: IfMatch = None,
) -> Response[AddressView]:
    return _one(
        await verification.reject_address(
            context,
            customer_id=customer_id,
            address_id=address_id,
            notes=data.notes,
            if_match=if_match,
        )
    )


@get("/addresses/near", permission="addresses:read", responses=problems())
async def find_near(
    context: RequestContext,
    latitude: Annotated[float, QueryParameter(ge=-90, le=90)],
    longitude: Annotated[float, QueryParameter(ge=-180, le=180)],
    radius_km: Annotated[float, QueryParameter(name="radiusKm", gt=0, le=near.RADIUS_KM_MAX)] = 10,
    limit: Near = 20,
) -> NearAddressList:
    """The addresses within a radius, the nearest first."""
    found = await near.find_near(
        context, latitude=latitude, longitude=longitude, radius_km=radius_km, limit=limit
    )
    return NearAddressList(
        items=[
            NearAddressView(
                **values_of(item.address),
                distance_km=item.distance_km,
                customer_number=item.customer_number,
                customer_display_name=item.customer_display_name,
            )
            for item in found
        ]
    )


@post(
    "/addresses/verification/bulk",
    permission="addresses:verify",
    status_code=200,
    responses=problems(),
)
async def verify_in_bulk(context: RequestContext, data: JSONBody[VerifyInBulk]) -> BulkResult:
    """Decides up to 200 addresses; each has an outcome of its own."""
    outcomes = await verification.verify_in_bulk(context, items=data.items)
    decided = sum(outcome.outcome in {"verified", "rejected"} for outcome in outcomes)
    return BulkResult(items=outcomes, decided=decided, refused=len(outcomes) - decided)


@get("/addresses/verification/queue", permission="addresses:verify", responses=problems())
async def list_waiting(
    context: RequestContext, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> WaitingAddressList:
    """What waits for verification, the longest first."""
    waiting, next_cursor = await queries.list_waiting(context, limit=limit, cursor=cursor)
    return WaitingAddressList(
        items=[
            WaitingAddressView(
                **values_of(item.address),
                customer_number=item.customer_number,
                customer_display_name=item.customer_display_name,
            )
            for item in waiting
        ],
        next_cursor=next_cursor,
    )


@get("/addresses/verification/statistics", permission="addresses:read", responses=problems())
async def read_statistics(context: RequestContext) -> VerificationStatistics:
    return await queries.read_statistics(context)


def _one(address: Address) -> Response[AddressView]:
    return Response(view(address), headers={"ETag": etag_of(address)})


ROUTES = [
    create_address, list_addresses, read_address, change_address, remove_address,
    set_default_address, verify_address, reject_address,
    find_near, verify_in_bulk, list_waiting, read_statistics,
]  # fmt: skip
