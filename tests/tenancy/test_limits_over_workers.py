"""One budget over the worker processes of `crm-saas serve`."""

from concurrent.futures import ThreadPoolExecutor

from crm_saas.kit.budgets import SHARE_OF_LIMIT
from crm_saas.kit.settings import Settings
from factories.database import rows
from factories.served import serving
from factories.tenants import make_tenant

LIMIT = 100
TRIES = 200


def test_workers_share_a_budget(settings: Settings) -> None:
    with (
        serving(settings, workers=2, CRM_REQUESTS_PER_MINUTE_KEY=str(LIMIT)) as server,
        make_tenant(server) as tenant,
        server.client() as anybody,
        ThreadPoolExecutor(8) as pool,
    ):

        def ask(key: str) -> int:
            # A connection of its own: one of the two workers takes it.
            headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
            return anybody.get("/auth/me", headers=headers).status_code

        for _ in range(3):
            window = _window(settings)
            statuses = list(pool.map(ask, [tenant.key()] * TRIES))
            if _window(settings) == window:
                break
    assert set(statuses) == {200, 429}
    assert LIMIT - LIMIT // SHARE_OF_LIMIT <= statuses.count(200) <= LIMIT


def _window(settings: Settings) -> int:
    """Which minute it is for the database."""
    [(number,)] = rows(settings, "select floor(extract(epoch from now()) / 60)::bigint")
    return int(number)
