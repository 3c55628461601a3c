"""A POST that streams, sent with an Idempotency-Key: no route does it yet, and one may.

The route here is the test's own; all else is the application as it is served.
"""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from litestar import post
from litestar.params import FromPath
from litestar.response import Stream

from crm_saas.access.staff import create_team
from crm_saas.app import create_litestar
from crm_saas.kit.dependencies import RequestContext
from crm_saas.kit.problems import problems
from crm_saas.kit.requests import RequestLog
from crm_saas.kit.settings import Settings
from crm_saas.tenancy.answers import HELD_BYTES_MAX
from factories.database import rows
from factories.servers import run_server
from factories.tenants import TestTenant, make_tenant

CHUNK = b"line\n" * 1000


@post("/streamed/{count:int}", permission="staff:manage", responses=problems())
async def stream(context: RequestContext, count: FromPath[int]) -> Stream:
    """Creates a team, then answers with as many chunks after one that is never the same."""
    team = await create_team(context, name=context.request_id)

    async def chunks() -> AsyncIterator[bytes]:
        yield str(team.id).encode()
        for _ in range(count):
            yield CHUNK

    return Stream(chunks(), media_type="text/plain")


@pytest.fixture(scope="module")
def tenant(shared_settings: Settings) -> Iterator[TestTenant]:
    litestar = create_litestar(shared_settings)
    litestar.register(stream)
    with (
        run_server(shared_settings, application=RequestLog(litestar, shared_settings)) as server,
        make_tenant(server) as made,
    ):
        yield made


def send(tenant: TestTenant, count: int, **headers: str) -> httpx.Response:
    url = f"{tenant.server.url}/streamed/{count}"
    return tenant.client("owner").post(url, headers=headers)


def teams(tenant: TestTenant) -> int:
    query = "select count(*) from org_teams where tenant_org_id = %s"
    return int(rows(tenant.server.settings, query, tenant.id)[0][0])


def test_the_same_key_gets_the_same_bytes_and_one_effect(tenant: TestTenant) -> None:
    before = teams(tenant)
    first, second = (send(tenant, 100, **{"Idempotency-Key": "a"}) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert len(first.content) > 100 * len(CHUNK)
    assert second.content == first.content
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert second.headers["Idempotency-Replayed"] == "true"
    assert teams(tenant) == before + 1


def test_more_than_can_be_kept_is_refused_and_leaves_nothing(tenant: TestTenant) -> None:
    before, too_many = teams(tenant), HELD_BYTES_MAX // len(CHUNK) + 1
    refused = send(tenant, too_many, **{"Idempotency-Key": "b"})
    assert refused.status_code == 413, refused.text
    assert refused.json()["type"].endswith("/too-large")
    assert "without one" in refused.json()["detail"]
    assert teams(tenant) == before


def test_without_a_key_it_streams_as_long_as_it_likes(tenant: TestTenant) -> None:
    before, many = teams(tenant), HELD_BYTES_MAX // len(CHUNK) + 1
    first, second = (send(tenant, many) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert len(first.content) > HELD_BYTES_MAX
    assert first.content != second.content
    assert teams(tenant) == before + 2
