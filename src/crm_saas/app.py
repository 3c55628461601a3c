"""Builds the application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.types import ASGIApp

from crm_saas.kit import health
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.guard import refuse_unsafe_role
from crm_saas.kit.problems import render_problem
from crm_saas.kit.requests import RequestLog
from crm_saas.kit.settings import Settings
from crm_saas.tenancy.middleware import RequestTransaction
from crm_saas.wiring import ROUTES, openapi_config, permissions_of


def create_app(settings: Settings) -> ASGIApp:
    return RequestLog(create_litestar(settings), settings)


def create_litestar(settings: Settings) -> Litestar:
    database = Database(settings)

    @asynccontextmanager
    async def connected(_: Litestar) -> AsyncIterator[None]:
        await refuse_unsafe_role(database)
        try:
            yield
        finally:
            await database.close()

    return Litestar(
        route_handlers=[*health.ROUTES, Router("/api/v1", route_handlers=ROUTES)],
        dependencies={
            "context": Provide(_context, sync_to_thread=False),
            "database": Provide(lambda: database, sync_to_thread=False),
        },
        middleware=[RequestTransaction(database, permissions_of)],
        exception_handlers={Exception: render_problem},
        lifespan=[connected],
        openapi_config=openapi_config(),
        request_max_body_size=None,  # bounded by the middleware, before the database is asked
        logging_config=None,
        debug=False,
    )


def _context(request: Request[Any, Any, Any]) -> Context:
    context: Context = request.scope["state"]["context"]
    return context
