"""The one readable list of what the product is made of."""

from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ControllerRouterHandler

from crm_saas.access import models as access_models
from crm_saas.access import routes as access_routes
from crm_saas.access.roles import permissions_of
from crm_saas.customers import models as customer_models
from crm_saas.kit import events, idempotency
from crm_saas.kit.jobs import Job, PeriodicJob
from crm_saas.kit.models import Base
from crm_saas.tenancy import models as tenancy_models

__all__ = ["JOBS", "METADATA", "PERIODIC_JOBS", "ROUTES", "openapi_config", "permissions_of"]

MODELS = (tenancy_models, access_models, events, idempotency, customer_models)
METADATA = Base.metadata

ROUTES: list[ControllerRouterHandler] = [*access_routes.ROUTES]

JOBS: tuple[Job, ...] = ()
PERIODIC_JOBS: tuple[PeriodicJob, ...] = ()


def openapi_config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="crm_saas",
        version="1",
        path="/api/v1",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
    )
