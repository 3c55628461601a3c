"""The one readable list of what the product is made of."""

from litestar.types import ControllerRouterHandler

from crm_saas.access import models as access_models
from crm_saas.access import routes as access_routes
from crm_saas.access import tasks as access_tasks
from crm_saas.access.roles import permissions_of
from crm_saas.addresses import models as address_models
from crm_saas.addresses import routes as address_routes
from crm_saas.audit import models as audit_models
from crm_saas.audit import routes as audit_routes
from crm_saas.audit import tasks as audit_tasks
from crm_saas.customers import comparing
from crm_saas.customers import models as customer_models
from crm_saas.customers import routes as customer_routes
from crm_saas.customers import tasks as customer_tasks
from crm_saas.kit import budgets, events, idempotency
from crm_saas.kit.jobs import Job, PeriodicJob
from crm_saas.kit.models import Base
from crm_saas.kit.sealed import SealedColumn
from crm_saas.merges import models as merge_models
from crm_saas.merges import moves
from crm_saas.merges import routes as merge_routes
from crm_saas.merges import tasks as merge_tasks
from crm_saas.merges.moves import Claims, Moves, Reference, Stays
from crm_saas.onboarding import routes as onboarding_routes
from crm_saas.otp import keys as otp_keys
from crm_saas.otp import models as otp_models
from crm_saas.otp import routes as otp_routes
from crm_saas.otp import tasks as otp_tasks
from crm_saas.reference import openapi_config
from crm_saas.tenancy import models as tenancy_models
from crm_saas.tenancy import tasks as tenancy_tasks

__all__ = [
    "HANDLERS",
    "JOBS",
    "MERGE_MOVES",
    "METADATA",
    "PERIODIC_JOBS",
    "ROUTES",
    "SEALED_COLUMNS",
    "openapi_config",
    "permissions_of",
]

MODELS = (
    tenancy_models,
    access_models,
    budgets,
    events,
    audit_models,
    idempotency,
    otp_models,
    customer_models,
    comparing,
    address_models,
    merge_models,
)
METADATA = Base.metadata

ROUTES: list[ControllerRouterHandler] = [
    *access_routes.ROUTES,
    *audit_routes.ROUTES,
    *otp_routes.ROUTES,
    *customer_routes.ROUTES,
    *address_routes.ROUTES,
    *merge_routes.ROUTES,
    *onboarding_routes.ROUTES,
]

JOBS: tuple[Job, ...] = (
    *tenancy_tasks.JOBS,
    *access_tasks.JOBS,
    *audit_tasks.JOBS,
    *otp_tasks.JOBS,
    *customer_tasks.JOBS,
    *merge_tasks.JOBS,
)
PERIODIC_JOBS: tuple[PeriodicJob, ...] = (
    *tenancy_tasks.PERIODIC_JOBS,
    *access_tasks.PERIODIC_JOBS,
    *audit_tasks.PERIODIC_JOBS,
    *otp_tasks.PERIODIC_JOBS,
    *customer_tasks.PERIODIC_JOBS,
    *merge_tasks.PERIODIC_JOBS,
)

# What is encrypted at rest; `keys rotate-master` seals it with a new key.
SEALED_COLUMNS: tuple[SealedColumn, ...] = (idempotency.SEALED, otp_keys.SEALED)

HANDLERS: dict[str, tuple[events.Handler, ...]] = {
    "customer.created": (comparing.note_change,),
    "customer.upgraded": (comparing.note_change,),
    "customer.changed": (comparing.note_change,),
    "customer.stage_moved": (comparing.note_change,),
    "customer.merged": (comparing.note_event,),
    "customer.unmerged": (comparing.note_event,),
    "customer.restored": (comparing.note_event,),
}
events.HANDLERS.update(HANDLERS)

# What points at a customer, and what a merge does with it.
MERGE_MOVES: tuple[Reference, ...] = (
    Claims(customer_models.Identifier.customer_id),
    Moves(address_models.Address.customer_id, at_most_one=address_models.Address.is_default),
    Moves(customer_models.Customer.merged_into),
    Stays(merge_models.Merge.source_id, why="says what happened"),
    Stays(merge_models.Merge.target_id, why="says what happened"),
    Stays(merge_models.Duplicate.customer_a, why="is hidden while one of the two is merged"),
    Stays(merge_models.Duplicate.customer_b, why="is hidden while one of the two is merged"),
)
moves.declare(MERGE_MOVES)
