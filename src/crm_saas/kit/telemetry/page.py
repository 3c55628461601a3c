"""`/metrics`, for who has the token: figures of the business are nobody else's."""

import asyncio
import hmac
from typing import cast

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from crm_saas.kit.errors import Unauthorized
from crm_saas.kit.problems import PROBLEM_MEDIA_TYPE, problem_content
from crm_saas.kit.settings import Settings
from crm_saas.kit.telemetry import metrics

PATH = "/metrics"
_Headers = list[tuple[bytes, bytes]]


class MetricsPage:
    """Plain ASGI before the application; without a token, production has no such page."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._token = settings.metrics_token
        self._served = bool(self._token) or settings.environment == "development"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not (self._served and _asks(scope)):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if self._token and not self._is_token(headers.get(b"authorization", b"")):
            await _refuse(scope, send)
            return
        accept = headers.get(b"accept", b"").decode("latin-1")
        body, media_type = await asyncio.to_thread(metrics.exposition, accept)
        await _answer(send, 200, [(b"content-type", media_type.encode())], body)

    def _is_token(self, header: bytes) -> bool:
        return hmac.compare_digest(header, f"Bearer {self._token}".encode())


def _asks(scope: Scope) -> bool:
    return scope["path"] == PATH and cast(HTTPScope, scope)["method"] == "GET"


async def _refuse(scope: Scope, send: Send) -> None:
    problem = Unauthorized("Send CRM_METRICS_TOKEN: Authorization: Bearer …")
    request_id = scope["state"].get("request_id", "")
    content = problem_content(problem, instance=PATH, request_id=request_id)
    headers = [
        (b"content-type", PROBLEM_MEDIA_TYPE.encode()),
        (b"www-authenticate", b"Bearer"),
    ]
    await _answer(send, problem.status, headers, msgspec.json.encode(content))


async def _answer(send: Send, status: int, headers: _Headers, body: bytes) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
