"""Settings for tests, which all come from one address."""

from typing import Any

from crm_saas.kit.settings import Settings

ROOMY = {
    "requests_per_minute_key": 1_000_000,
    "requests_per_minute_tenant": 1_000_000,
    "requests_per_minute_address": 1_000_000,
}


def roomy_settings(database_url: str, **changes: Any) -> Settings:
    """Budgets of requests that no test exhausts unless it says so."""
    return Settings(database_url=database_url, **(ROOMY | changes))
