"""A body that never ends holds no connection to the database, and is given up."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from litestar.datastructures import Headers

from crm_saas.kit import bodies
from crm_saas.kit.bodies import SMALL_BYTES_MAX, BodiesInHand
from crm_saas.kit.errors import Overloaded, TooSlow
from crm_saas.kit.settings import Settings
from factories.servers import run_server

LARGE = 2 * SMALL_BYTES_MAX


@pytest.mark.anyio
async def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS_MAX", 0.01)

    async def receive_nothing() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TooSlow):
        async with BodiesInHand().read(receive_nothing, Headers({}), 1000):
            raise AssertionError


@pytest.mark.anyio
async def test_a_process_holds_so_much_of_bodies_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two large ones fill it, whole or not; small ones pass, and room comes back."""
    monkeypatch.setattr(bodies, "IN_HAND_BYTES_MAX", 2 * LARGE)
    in_hand = BodiesInHand()
    for _ in range(2):
        async with reading(in_hand, LARGE) as body:
            assert len(body) == LARGE
            unfinished = asyncio.create_task(read(in_hand, LARGE, ends=False))
            while in_hand._bytes < 2 * LARGE:  # noqa: ASYNC110 - it never ends by itself
                await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await read(in_hand, LARGE)
            await read(in_hand, SMALL_BYTES_MAX)
        await read(in_hand, LARGE)
        unfinished.cancel()
        await asyncio.gather(unfinished, return_exceptions=True)
        assert in_hand._bytes == 0


async def read(in_hand: BodiesInHand, size: int, *, ends: bool = True) -> None:
    async with reading(in_hand, size, ends=ends):
        pass


def reading(
    in_hand: BodiesInHand, size: int, *, ends: bool = True
) -> AbstractAsyncContextManager[bytes]:
    """In two chunks; with `ends` false, a third never comes."""
    left = 2

    async def receive() -> Any:
        nonlocal left
        if left == 0:
            await asyncio.Event().wait()
        left -= 1
        more = left > 0 or not ends
        return {"type": "http.request", "body": b"x" * (size // 2), "more_body": more}

    return in_hand.read(receive, Headers({}), 1 << 20)


def test_what_is_in_hand_is_let_go(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over HTTP: beyond the room it is 503, and one after another they all find it."""
    with run_server(settings) as server, server.client() as nobody:
        large = {"email": "nobody@example.com", "password": "x" * LARGE}
        monkeypatch.setattr(bodies, "IN_HAND_BYTES_MAX", LARGE)
        refused = nobody.post("/auth/login", json=large)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert refused.json()["type"].endswith("/overloaded")
        monkeypatch.setattr(bodies, "IN_HAND_BYTES_MAX", LARGE + 1_000)
        assert {nobody.post("/auth/login", json=large).status_code for _ in range(3)} == {422}
