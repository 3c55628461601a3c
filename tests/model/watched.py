"""The served application as the test watches it: which requests still run, which connection each
of them holds, and what its pools look like when nobody asks anything.
"""

import asyncio
import threading
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from litestar import Litestar
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlalchemy import event, text
from sqlalchemy.pool import Pool

from crm_saas.kit.db import Database

ENDS_WITHIN_SECONDS = 60
_SETTINGS = ("app.tenant_org_id", "app.staff_scope", "app.member_id", "app.team_ids")
_LEFT = text(
    "select " + ", ".join(f"coalesce(current_setting('{name}', true), '')" for name in _SETTINGS)
)
_request: ContextVar[str | None] = ContextVar("_request", default=None)


class Watched:
    """One server's. `around` takes the application that is served."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._ended: set[str] = set()
        self._backends: dict[str, int] = {}
        self._loop: asyncio.AbstractEventLoop
        self._database: Database
        self._cancelled: set[str] = set()

    def around(self, app: Any) -> ASGIApp:
        inner = app
        while not isinstance(inner, Litestar):
            inner = inner._app
        self._database = inner.dependencies["database"].dependency()

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await self._watch(app, scope, receive, send)
            else:
                self._loop = asyncio.get_running_loop()
                await app(scope, receive, send)

        return watched

    async def _watch(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = dict(scope["headers"]).get(b"x-request-id", b"").decode()
        _request.set(request_id)
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        with self._changed:
            self._running[request_id] = asyncio.current_task()  # type: ignore[assignment]
        try:
            await app(scope, receive, noted)
        except asyncio.CancelledError:
            if request_id not in self._cancelled or started:
                raise
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            with self._changed:
                del self._running[request_id]
                self._backends.pop(request_id, None)
                self._ended.add(request_id)
                self._changed.notify_all()

    def wait_for(self, request_id: str) -> None:
        """Until the server is done with a request whose client has left."""
        with self._changed:
            assert self._changed.wait_for(lambda: request_id in self._ended, ENDS_WITHIN_SECONDS), (
                f"{request_id} never ended"
            )

    def cancel(self, request_id: str) -> None:
        """As a server that is told to stop does, wherever the request is by then."""
        with self._changed:
            task = self._running.get(request_id) if request_id in self._backends else None
            self._cancelled.add(request_id)
        if task is not None:
            self._loop.call_soon_threadsafe(task.cancel)

    def backend(self, request_id: str) -> int | None:
        return self._backends.get(request_id)

    def note_checkout(self, connection: Any, *_: object) -> None:
        request_id = _request.get()
        if request_id is not None and request_id in self._running:
            self._backends[request_id] = connection.driver_connection.info.backend_pid

    def look(self) -> list[str]:
        """What is wrong with the pools while nobody asks anything."""
        return asyncio.run_coroutine_threadsafe(self._look(), self._loop).result(
            ENDS_WITHIN_SECONDS
        )

    def warm_up(self) -> None:
        """Opens every connection. One that is cancelled while SQLAlchemy sets it up stays open
        until it is collected; that is not what is looked for here."""
        asyncio.run_coroutine_threadsafe(self._warm_up(), self._loop).result(ENDS_WITHIN_SECONDS)

    async def _warm_up(self) -> None:
        for engine in self._database._engines.values():
            connections = [await engine.connect() for _ in range(engine.pool.size())]  # type: ignore[attr-defined]
            for connection in connections:
                await connection.close()

    async def _look(self) -> list[str]:
        found: list[str] = []
        for name, engine in self._database._engines.items():
            pool: Any = engine.pool
            with suppress(TimeoutError):
                async with asyncio.timeout(ENDS_WITHIN_SECONDS):
                    while pool.checkedout():  # noqa: ASYNC110 - the pool has no event for it
                        await asyncio.sleep(0)
            if pool.checkedout():
                found.append(f"{name}: {pool.checkedout()} connections never came back")
            found += await self._left_on(name, engine, pool.checkedin())
        return found

    async def _left_on(self, name: str, engine: Any, count: int) -> list[str]:
        """Takes all idle connections at once, so that each is looked at."""
        connections = [await engine.connect() for _ in range(count)]
        try:
            rows = [(await c.execute(_LEFT)).one() for c in connections]
        finally:
            for connection in connections:
                await connection.close()
        return [f"{name}: a connection is still set to {tuple(row)}" for row in rows if any(row)]


def watch_checkouts(*watched: Watched) -> None:
    """Tells each server which backend a request of its has in hand."""
    for one in watched:
        event.listen(Pool, "checkout", one.note_checkout)


def stop_watching(*watched: Watched) -> None:
    for one in watched:
        event.remove(Pool, "checkout", one.note_checkout)
