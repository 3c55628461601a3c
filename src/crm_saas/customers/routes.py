from typing import Any
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from crm_saas.audit.queries import list_events
from crm_saas.audit.schemas import EventList
from crm_saas.customers import editing, listing, statistics
from crm_saas.customers.creation import access_to_change
from crm_saas.customers.errors import (
    CustomerBlocked,
    CustomerNotFound,
    EmailTaken,
    ExternalIdTaken,
    ListTooSlow,
    PhoneTaken,
)
from crm_saas.customers.filters import CustomerQuery, SortField
from crm_saas.customers.proofs import prove_phone
from crm_saas.customers.queries import (
    access_customer,
    former_customers,
)
from crm_saas.customers.reading import read_by_id, read_by_number
from crm_saas.customers.saved_views import apply_view
from crm_saas.customers.schemas import (
    BlockCustomer,
    CustomerList,
    CustomerView,
    Growth,
    MergedFrom,
    PatchCustomer,
    Statistics,
    VerifyIdentity,
)
from crm_saas.customers.views import ShownCustomer, view_customer, view_row
from crm_saas.kit.ahead import NeedsTransaction, ReadInTransaction
from crm_saas.kit.context import Context
from crm_saas.kit.dependencies import Ahead, RequestContext
from crm_saas.kit.errors import NotFound, PreconditionFailed
from crm_saas.kit.etags import IfMatch, etag_of, require_match
from crm_saas.kit.paging import LIMIT_DEFAULT, Cursor, Limit
from crm_saas.kit.problems import problems
from crm_saas.kit.queries import read_query
from crm_saas.otp.errors import OtpBudgetExhausted, OtpRefused


@get(
    "/customers",
    permission="customers:read",
    query=CustomerQuery,
    in_transaction_with=("view", "search", "cursor", "total"),
    responses=problems(NotFound, ListTooSlow),
)
async def list_customers(
    ahead: Ahead,
    request: Request[Any, Any, Any],
    sort: FromQuery[SortField | None] = None,
    view: FromQuery[UUID | None] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    total: FromQuery[bool] = False,
) -> CustomerList:
    """A page of customers: by `search`, best hits first, or in the order of `sort`.

    Without either the newest come first. Every filter that is sent must hold. Which filter with
    which order is fast at any size: docs/lists.md. Others are answered within two seconds, or
    refused with `list-too-slow`, which names some that are fast; `isFast` says so beforehand.
    `view` is a saved one; what is sent along with it wins.
    """
    wanted = read_query(request, CustomerQuery)
    if not isinstance(ahead, ReadInTransaction):
        if view is not None or cursor is not None or total:
            raise NeedsTransaction
        context, page = await listing.list_ahead(ahead, wanted, sort=sort, limit=limit)
        return _list_of(context, page)
    context = ahead.context
    wanted, order = await apply_view(context, wanted, sort, view)
    page = await listing.list_customers(
        context, wanted, sort=order, limit=limit, cursor=cursor, total=total
    )
    return _list_of(context, page)


def _list_of(context: Context, page: listing.Found) -> CustomerList:
    whole, count = context.actor.may("customers:unmask"), page.counted
    return CustomerList(
        items=[
            view_row(row, whole=whole, matched_by=page.matched_by.get(row[0]))
            for row in page.customers
        ],
        next_cursor=page.next_cursor,
        is_fast=page.is_fast,
        total=count and count.total,
        total_is_capped=count and count.is_capped,
        total_is_unknown=count and count.total is None,
    )


@get("/customers/statistics", permission="customers:read", responses=problems())
async def show_customer_statistics(context: RequestContext) -> Statistics:
    """Of the customers that one sees: counted now, or of many some minutes ago (`asOf`)."""
    return await statistics.customer_statistics(context)


@get("/customers/statistics/growth", permission="customers:read", responses=problems())
async def show_customer_growth(
    context: RequestContext, by: FromQuery[statistics.Step] = "day"
) -> Growth:
    """New customers of each day, week (from Monday) or month in the tenant's time zone."""
    return await statistics.customer_growth(context, by)


@get(
    "/customers/{customer_id:uuid}",
    permission="customers:read",
    responses=problems(CustomerNotFound),
)
async def read_customer(ahead: Ahead, customer_id: FromPath[UUID]) -> Response[CustomerView]:
    """The customer; for one that was merged, the survivor, with `mergedFrom`."""
    return answer(*await read_by_id(ahead, customer_id))


@get(
    "/customers/by-number/{customer_number:str}",
    permission="customers:read",
    responses=problems(CustomerNotFound),
)
async def read_customer_by_number(
    ahead: Ahead, customer_number: FromPath[str]
) -> Response[CustomerView]:
    """By customer number, such as CUST-00001; numbers of merged customers find the survivor."""
    return answer(*await read_by_number(ahead, customer_number))


@patch(
    "/customers/{customer_id:uuid}",
    permission="customers:update",
    responses=problems(
        CustomerNotFound,
        PhoneTaken,
        EmailTaken,
        ExternalIdTaken,
        PreconditionFailed,
        OtpRefused,
        OtpBudgetExhausted,
    ),
)
async def edit_customer(
    context: RequestContext,
    customer_id: FromPath[UUID],
    data: JSONBody[PatchCustomer],
    if_match: IfMatch = None,
) -> Response[CustomerView]:
    verified = await prove_phone(
        context,
        data.phone,
        data.otp_code,
        data.verification_token,
        purpose="phone_change",
        claim_phone=data.claim_phone,
    )
    customer = await access_to_change(context, customer_id, data)
    require_match(customer, if_match)
    await editing.edit_customer(
        context, customer, data, verified=verified, claim_phone=data.claim_phone
    )
    return answer(context, customer)


@delete(
    "/customers/{customer_id:uuid}",
    permission="customers:deactivate",
    status_code=200,
    responses=problems(CustomerNotFound, CustomerBlocked, PreconditionFailed),
)
async def deactivate_customer(
    context: RequestContext, customer_id: FromPath[UUID], if_match: IfMatch = None
) -> Response[CustomerView]:
    """Deactivates; nothing is deleted. `/reactivate` takes it back."""
    customer = await access_customer(context, customer_id, lock=True)
    require_match(customer, if_match)
    return answer(context, await editing.deactivate_customer(context, customer))


@post(
    "/customers/{customer_id:uuid}/reactivate",
    permission="customers:deactivate",
    status_code=200,
    responses=problems(CustomerNotFound, PreconditionFailed),
)
async def reactivate_customer(
    context: RequestContext,
    customer_id: FromPath[UUID],
    if_match: IfMatch = None,
) -> Response[CustomerView]:
    customer = await access_customer(context, customer_id, lock=True)
    require_match(customer, if_match)
    if customer.status == "blocked":
        context.actor.require("customers:block")
    return answer(context, await editing.reactivate_customer(context, customer))


@post(
    "/customers/{customer_id:uuid}/block",
    permission="customers:block",
    status_code=200,
    responses=problems(CustomerNotFound, PreconditionFailed),
)
async def block_customer(
    context: RequestContext,
    customer_id: FromPath[UUID],
    data: JSONBody[BlockCustomer],
    if_match: IfMatch = None,
) -> Response[CustomerView]:
    customer = await access_customer(context, customer_id, lock=True)
    require_match(customer, if_match)
    return answer(context, await editing.block_customer(context, customer, reason=data.reason))


@post(
    "/customers/{customer_id:uuid}/verify-identity",
    permission="customers:verify",
    status_code=200,
    responses=problems(CustomerNotFound, PreconditionFailed),
)
async def verify_identity(
    context: RequestContext,
    customer_id: FromPath[UUID],
    data: JSONBody[VerifyIdentity],
    if_match: IfMatch = None,
) -> Response[CustomerView]:
    customer = await access_customer(context, customer_id, lock=True)
    require_match(customer, if_match)
    return answer(context, await editing.verify_identity(context, customer, how=data.how))


@get(
    "/customers/{customer_id:uuid}/history",
    permission="customers:read",
    responses=problems(CustomerNotFound),
)
async def read_customer_history(
    context: RequestContext,
    customer_id: FromPath[UUID],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> EventList:
    """What happened to the customer and to those merged into it, newest first."""
    customer = await access_customer(context, customer_id)
    whose = [customer.id, *await former_customers(context, customer.id)]
    return await list_events(context, limit=limit, cursor=cursor, customer_ids=whose)


def answer(
    context: RequestContext,
    customer: ShownCustomer,
    merged_from: MergedFrom | None = None,
    *,
    status_code: int = 200,
) -> Response[CustomerView]:
    headers = {"ETag": etag_of(customer)}
    if status_code == 201:
        headers["Location"] = f"/api/v1/customers/{customer.id}"
    return Response(
        view_customer(context, customer, merged_from=merged_from),
        status_code=status_code,
        headers=headers,
    )


ROUTES = [
    list_customers, show_customer_statistics, show_customer_growth, read_customer,
    read_customer_by_number, edit_customer, deactivate_customer, reactivate_customer,
    block_customer, verify_identity, read_customer_history,
]  # fmt: skip
