"""The document and its interactive page, served from here: no CDN, no script of anybody else."""

from pathlib import Path
from typing import Any

from litestar import Request, Router
from litestar.datastructures import CacheControlHeader, ResponseHeader
from litestar.enums import MediaType, OpenAPIMediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.routes import BaseRoute
from litestar.static_files import create_static_files_router
from litestar.types import ControllerRouterHandler

ASSETS = Path(__file__).resolve().parents[2] / "assets"
_PREFIX = "/api/v1"
_PAGE = "/docs"
_ASSETS_SECONDS_MAX = 86_400

# Swagger UI's style sheet has its icons in data: URLs. Forms and frames have no business here.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class PagePlugin(OpenAPIRenderPlugin):
    """Swagger UI, in which a key can be entered and each request tried."""

    def __init__(self, title: str) -> None:
        super().__init__(path=_PAGE, media_type=MediaType.HTML)
        page = (ASSETS / "reference.html").read_text()
        self._page = page.replace("{title}", title).encode()

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        return self._page

    def receive_router(self, router: Router) -> None:
        router.register(
            create_static_files_router(
                path=f"{_PAGE}/assets",
                directories=[ASSETS],
                cache_control=CacheControlHeader(public=True, max_age=_ASSETS_SECONDS_MAX),
                include_in_schema=False,
                name="reference-assets",
            )
        )


class DocumentPlugin(OpenAPIRenderPlugin):
    """Rendered once: it is the same for everybody."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type=OpenAPIMediaType.OPENAPI_JSON)
        self._rendered = b""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        self._rendered = self._rendered or self.render_json(request, openapi_schema)
        return self._rendered


def reference_router() -> Router:
    return _ReferenceRouter(
        _PREFIX,
        route_handlers=[],
        include_in_schema=False,
        opt={"public": True, "unlimited": True},  # asks no database
        response_headers=[
            ResponseHeader(name="content-security-policy", value=CONTENT_SECURITY_POLICY)
        ],
    )


class _ReferenceRouter(Router):
    """Without Litestar's page for every unknown path: unknown paths of the API are problems."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:
        if "/{path:str}" in getattr(value, "paths", ()):
            return []
        return super().register(value)
