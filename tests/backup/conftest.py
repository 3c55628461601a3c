from collections.abc import Iterator

import pytest

from backup.stock import Stock, make_stock
from crm_saas.kit.settings import Settings
from factories.database import new_database


@pytest.fixture(scope="package")
def stock(
    owner_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stock]:
    with new_database(owner_url, "stock", template_database) as url:
        yield make_stock(Settings(database_url=url), tmp_path_factory.mktemp("stock"))


@pytest.fixture
def settings(owner_url: str, stock: Stock) -> Iterator[Settings]:
    """A database of the test's own, with the stock in it."""
    with new_database(owner_url, "backup", stock.database) as url:
        yield Settings(database_url=url)
