"""One installation for the tests that break it and leave it whole; others make their own."""

from collections.abc import Iterator

import pytest

from faults.installation import Installation, installed


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    with installed() as running:
        yield running
