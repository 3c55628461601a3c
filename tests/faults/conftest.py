"""One installation for the tests that break it and leave it whole; others make their own."""

from collections.abc import Iterator

import pytest

from assurance import Assurance, Reached
from faults.installation import Installation, installed


@pytest.fixture(scope="session")
def reached(pytestconfig: pytest.Config) -> Reached:
    plugins = pytestconfig.pluginmanager.get_plugins()
    return next(plugin for plugin in plugins if isinstance(plugin, Assurance)).reached


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    with installed() as running:
        yield running
