"""Builds the application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.enums import HttpMethod
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp

from crm_saas.access.roles import PERMISSIONS
from crm_saas.access.usage import KeyUses
from crm_saas.kit import health
from crm_saas.kit.ahead import ReadAhead
from crm_saas.kit.context import ANY_CREDENTIAL, Context
from crm_saas.kit.db import Database
from crm_saas.kit.draining import Drain
from crm_saas.kit.guard import await_safe_role
from crm_saas.kit.lane import declare_lanes
from crm_saas.kit.lending import LOAN_SECONDS_MAX
from crm_saas.kit.problems import render_problem
from crm_saas.kit.queries import declare_queries
from crm_saas.kit.requests import RequestLog
from crm_saas.kit.settings import Settings
from crm_saas.kit.telemetry import tracing
from crm_saas.kit.telemetry.layer import Telemetry
from crm_saas.kit.telemetry.page import MetricsPage
from crm_saas.otp.senders import choose_sender
from crm_saas.tenancy.middleware import RequestTransaction
from crm_saas.wiring import ROUTES, openapi_config, permissions_of, roles_with
from crm_saas.worker import embedded_worker


def create_app(settings: Settings, *, with_worker: bool = False) -> ASGIApp:
    """`with_worker` runs the jobs in this process too, as development does."""
    drain = Drain()
    app = create_litestar(settings, drain, with_worker=with_worker)
    return Telemetry(RequestLog(MetricsPage(app, settings), settings), drain)


def create_litestar(
    settings: Settings, drain: Drain | None = None, *, with_worker: bool = False
) -> Litestar:
    drain = drain or Drain()
    database = Database(settings, loan_seconds_max=LOAN_SECONDS_MAX)
    readiness = health.Readiness(database, drain)
    uses = KeyUses(database)

    @asynccontextmanager
    async def connected(_: Litestar) -> AsyncIterator[None]:
        try:
            choose_sender(settings)
            await await_safe_role(database)
            with drain.on_sigterm(settings.drain_seconds):
                async with (
                    uses.writing(),
                    readiness.watching(),
                    embedded_worker(settings) if with_worker else nullcontext(),
                ):
                    yield
        finally:
            await database.close()
            await asyncio.to_thread(tracing.flush)

    app = Litestar(
        route_handlers=[*health.ROUTES, Router("/api/v1", route_handlers=ROUTES)],
        dependencies={
            "context": Provide(_context, sync_to_thread=False),
            "ahead": Provide(_ahead, sync_to_thread=False),
            "database": Provide(lambda: database, sync_to_thread=False),
            "readiness": Provide(lambda: readiness, sync_to_thread=False),
        },
        middleware=[RequestTransaction(database, permissions_of, roles_with, note_use=uses.note)],
        exception_handlers={Exception: render_problem},
        lifespan=[connected],
        openapi_config=openapi_config(),
        request_max_body_size=None,  # bounded by the middleware, before the database is asked
        logging_config=None,
        debug=False,
    )
    declare_queries(app)
    declare_lanes(app)
    refuse_undeclared(app)
    return app


def refuse_undeclared(app: Litestar) -> None:
    """Deny by default: a route says who may call it, or there is no application."""
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            declared = {*PERMISSIONS, ANY_CREDENTIAL}
            if handler.http_methods == {HttpMethod.OPTIONS} or handler.opt.get("public"):
                continue
            if handler.opt.get("permission") not in declared:
                raise RuntimeError(f"{handler} declares neither a known permission nor public=True")


def _context(request: Request[Any, Any, Any]) -> Context:
    context: Context = request.scope["state"]["context"]
    return context


def _ahead(request: Request[Any, Any, Any]) -> ReadAhead:
    ahead: ReadAhead = request.scope["state"]["ahead"]
    return ahead
