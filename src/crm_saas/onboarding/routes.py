from uuid import UUID

from litestar import Response, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody

from crm_saas.customers.errors import (
    CustomerNotFound,
    EmailTaken,
    ExternalIdTaken,
    PhoneNotVerified,
    PhoneTaken,
    ProfileNeverGoesBack,
    ProfileReached,
)
from crm_saas.customers.routes import answer
from crm_saas.customers.schemas import CustomerView
from crm_saas.kit.dependencies import Ahead, RequestContext
from crm_saas.kit.errors import PreconditionFailed
from crm_saas.kit.etags import IfMatch
from crm_saas.kit.idempotency import IdempotencyKeyInFlight, IdempotencyKeyReused
from crm_saas.kit.problems import problems
from crm_saas.onboarding import batch, matching, service
from crm_saas.onboarding.schemas import (
    Batch,
    BatchOutcomes,
    CreateCustomer,
    FindOrCreate,
    Found,
    UpgradeCustomer,
)
from crm_saas.otp.errors import OtpBudgetExhausted, OtpRefused


@post(
    "/customers",
    permission="customers:create",
    responses=problems(
        PhoneTaken, EmailTaken, ExternalIdTaken, PhoneNotVerified, OtpRefused, OtpBudgetExhausted
    ),
)
async def create_customer(
    context: RequestContext, data: JSONBody[CreateCustomer]
) -> Response[CustomerView]:
    """Creates a guest, a stub or a full customer, with a number and in one transaction."""
    customer = await service.onboard_customer(context, data)
    return answer(context, customer, status_code=201)


@post(
    "/customers/{customer_id:uuid}/upgrade",
    permission="customers:update",
    status_code=200,
    responses=problems(
        CustomerNotFound,
        PhoneTaken,
        EmailTaken,
        ExternalIdTaken,
        ProfileNeverGoesBack,
        ProfileReached,
        PreconditionFailed,
        PhoneNotVerified,
        OtpRefused,
        OtpBudgetExhausted,
    ),
)
async def upgrade_customer(
    context: RequestContext,
    customer_id: FromPath[UUID],
    data: JSONBody[UpgradeCustomer],
    if_match: IfMatch = None,
) -> Response[CustomerView]:
    """Moves a guest to stub or full, a stub to full; never back."""
    return answer(context, await service.upgrade(context, customer_id, data, if_match))


@post(
    "/customers/find-or-create",
    permission="customers:create",
    status_code=200,
    responses={201: ResponseSpec(Found, generate_examples=False)}
    | problems(PhoneTaken, EmailTaken, ExternalIdTaken),
)
async def find_or_create_customer(ahead: Ahead, data: JSONBody[FindOrCreate]) -> Response[Found]:
    """The till's one call: 201 `created`, 200 `matched` or `ambiguous`."""
    found = await matching.find_or_create(ahead, data)
    return Response(found, status_code=201 if found.outcome == "created" else 200)


@post(
    "/customers/batch",
    permission="customers:create",
    status_code=200,
    responses=problems(IdempotencyKeyReused, IdempotencyKeyInFlight),
)
async def create_customer_batch(context: RequestContext, data: JSONBody[Batch]) -> BatchOutcomes:
    """Find-or-create for what a till collected offline, each row in its own transaction.

    Each row counts as a request.
    """
    await context.charge(len(data.rows) - 1)
    return BatchOutcomes(outcomes=await batch.run_batch(context, data.rows))


ROUTES = [create_customer, upgrade_customer, find_or_create_customer, create_customer_batch]
