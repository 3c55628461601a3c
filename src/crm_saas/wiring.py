"""The one readable list of what the product is made of."""

from litestar.types import ControllerRouterHandler

from crm_saas.access import models as access_models
from crm_saas.access import routes as access_routes
from crm_saas.access import tasks as access_tasks
from crm_saas.access.roles import permissions_of, roles_with
from crm_saas.addresses import models as address_models
from crm_saas.addresses import routes as address_routes
from crm_saas.audit import models as audit_models
from crm_saas.audit import routes as audit_routes
from crm_saas.audit import tasks as audit_tasks
from crm_saas.bulk import models as bulk_models
from crm_saas.bulk import routes as bulk_routes
from crm_saas.bulk import tasks as bulk_tasks
from crm_saas.custom import models as custom_models
from crm_saas.custom import routes as custom_routes
from crm_saas.customers import comparing, saved_view_routes, saved_views, statistics
from crm_saas.customers import models as customer_models
from crm_saas.customers import routes as customer_routes
from crm_saas.customers import tasks as customer_tasks
from crm_saas.exports import models as export_models
from crm_saas.exports import routes as export_routes
from crm_saas.exports import tasks as export_tasks
from crm_saas.imports import models as import_models
from crm_saas.imports import routes as import_routes
from crm_saas.imports import tasks as import_tasks
from crm_saas.kit import budgets, events, idempotency
from crm_saas.kit.jobs import Job, PeriodicJob
from crm_saas.kit.models import Base
from crm_saas.kit.sealed import SealedColumn
from crm_saas.merges import models as merge_models
from crm_saas.merges import moves
from crm_saas.merges import routes as merge_routes
from crm_saas.merges import tasks as merge_tasks
from crm_saas.merges.moves import Claims, Follows, Moves, Reference, Stays
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
    "roles_with",
]

MODELS = (
    tenancy_models,
    access_models,
    budgets,
    events,
    audit_models,
    idempotency,
    otp_models,
    custom_models,
    customer_models,
    comparing,
    saved_views,
    statistics,
    bulk_models,
    address_models,
    merge_models,
    import_models,
    export_models,
)
METADATA = Base.metadata

ROUTES: list[ControllerRouterHandler] = [
    *access_routes.ROUTES,
    *audit_routes.ROUTES,
    *otp_routes.ROUTES,
    *custom_routes.ROUTES,
    *customer_routes.ROUTES,
    *saved_view_routes.ROUTES,
    *bulk_routes.ROUTES,
    *address_routes.ROUTES,
    *merge_routes.ROUTES,
    *onboarding_routes.ROUTES,
    *import_routes.ROUTES,
    *export_routes.ROUTES,
]

JOBS: tuple[Job, ...] = (
    *tenancy_tasks.JOBS,
    *access_tasks.JOBS,
    *audit_tasks.JOBS,
    *otp_tasks.JOBS,
    *customer_tasks.JOBS,
    *bulk_tasks.JOBS,
    *merge_tasks.JOBS,
    *import_tasks.JOBS,
    *export_tasks.JOBS,
)
PERIODIC_JOBS: tuple[PeriodicJob, ...] = (
    *tenancy_tasks.PERIODIC_JOBS,
    *access_tasks.PERIODIC_JOBS,
    *audit_tasks.PERIODIC_JOBS,
    *otp_tasks.PERIODIC_JOBS,
    *customer_tasks.PERIODIC_JOBS,
    *bulk_tasks.PERIODIC_JOBS,
    *merge_tasks.PERIODIC_JOBS,
    *import_tasks.PERIODIC_JOBS,
    *export_tasks.PERIODIC_JOBS,
)

# What is encrypted at rest; `keys rotate-master` seals it with a new key.
SEALED_COLUMNS: tuple[SealedColumn, ...] = (idempotency.SEALED, otp_keys.SEALED)

# `customer.created` is left out: create_customer.sql notes whom to compare. With a
# handler of its own a creation would hold the counter of its tenant for longer.
HANDLERS: dict[str, tuple[events.Handler, ...]] = {
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
    Follows(custom_models.CustomValue.customer_id, why="merges/service.py, lay_out_pair"),
    Stays(merge_models.Merge.source_id, why="says what happened"),
    Stays(merge_models.Merge.target_id, why="says what happened"),
    Stays(merge_models.Duplicate.customer_a, why="is hidden while one of the two is merged"),
    Stays(merge_models.Duplicate.customer_b, why="is hidden while one of the two is merged"),
)
moves.declare(MERGE_MOVES)
