from collections.abc import Iterator

import httpx
import psycopg
import pytest
from sqlalchemy.engine import make_url

from factories.database import new_database
from factories.search import Desk
from factories.tenants import TestTenant


@pytest.fixture
def api(tenant: TestTenant) -> httpx.Client:
    return tenant.client("manager")


@pytest.fixture(scope="session")
def desks(owner_url: str, template_database: str) -> Iterator[psycopg.Connection]:
    """The owner on one database for all desks: each takes back what it did."""
    with new_database(owner_url, "desks", template_database) as url:
        driverless = make_url(url).set(drivername="postgresql")
        with psycopg.connect(
            driverless.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            yield connection


@pytest.fixture
def desk(desks: psycopg.Connection) -> Iterator[Desk]:
    with desks.transaction(force_rollback=True):
        desks.execute("grant crm_app, crm_platform to current_user")
        yield Desk(desks)
        desks.execute("set local role none")
