"""A body that never ends holds no connection to the database, and is given up."""

import asyncio

import pytest
from litestar.datastructures import Headers

from crm_saas.kit import bodies
from crm_saas.kit.errors import TooSlow


@pytest.mark.anyio
async def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS_MAX", 0.01)

    async def receive_nothing() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TooSlow):
        await bodies.read_body(receive_nothing, Headers({}), 1000)
