"""Health (SPEC 19): alive is the process, ready is the process with its database."""

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy import text

from crm_saas.kit.dependencies import AppDatabase
from crm_saas.kit.schemas import Struct


class Health(Struct):
    status: str


@get("/health/live", public=True, unlimited=True)
async def live() -> Health:
    return Health(status="ok")


@get(
    "/health/ready",
    public=True,
    unlimited=True,
    responses={
        503: ResponseSpec(Health, description="Service Unavailable", generate_examples=False)
    },
)
async def ready(database: AppDatabase) -> Response[Health]:
    """503 while the database does not answer; load balancers then look elsewhere."""
    try:
        async with database.session("asides") as session:
            await session.execute(text("select 1"))
    except Exception:
        return Response(Health(status="database unavailable"), status_code=503)
    return Response(Health(status="ok"))


ROUTES = [live, ready]
