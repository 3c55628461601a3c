from collections.abc import Iterator

import pytest

from factories.servers import Server
from factories.tenants import TestTenant, make_tenant


@pytest.fixture
def tenant(fresh_server: Server) -> Iterator[TestTenant]:
    """With a worker of its own: a sweep takes steps as long as there is one."""
    with make_tenant(fresh_server) as made:
        yield made
