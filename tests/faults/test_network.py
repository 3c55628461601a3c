"""Networks that delay, cut and half-close: between the API and PostgreSQL, and before the API."""

import itertools
from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url

from assurance import Reached
from factories.proxies import Direction, Fate, Proxy, proxy_to
from faults.installation import Installation, prepared
from faults.load import under_load
from sizes import sized

FAULTS = sized(short=3, long=25, full=200)
DELAY_SECONDS = 0.02
EVERY = 5
# What find-or-create asks between what it begins with and what it ends with.
LOOKED_UP = b"from org_customer_identifiers i left join"


@pytest.fixture(scope="module")
def database_line() -> Iterator[tuple[Installation, Proxy]]:
    """An installation whose server reaches PostgreSQL through the proxy alone."""
    # Unprepared, so that each statement's text comes by.
    with (
        prepared(environment={"CRM_PREPARE_THRESHOLD": "0"}) as installation,
        proxy_to(installation.postgres.port) as proxy,
    ):
        url = make_url(installation.server.environment["CRM_APP_DATABASE_URL"])
        through = url.set(port=proxy.port).render_as_string(hide_password=False)
        installation.server.environment["CRM_APP_DATABASE_URL"] = through
        installation.start()
        yield installation, proxy


class Striking:
    """Judges every so manieth chunk that is meant by `fate`; all others pass."""

    def __init__(self, direction: Direction, words: bytes, fate: Fate) -> None:
        self._direction, self._words, self._fate = direction, words, fate
        self._seen = itertools.count(1)
        self.struck = 0

    def __call__(self, direction: Direction, chunk: bytes) -> Fate:
        meant = direction == self._direction and self._words in chunk.lower()
        if meant and next(self._seen) % EVERY == 0:
            self.struck += 1
            return self._fate
        return Fate.PASS


@pytest.mark.parametrize(
    ("words", "judge"),
    [
        ("cut before a commit arrives", Striking("request", b"commit", Fate.CUT)),
        ("cut before a commit is confirmed", Striking("request", b"commit", Fate.PASS_AND_CUT)),
        (
            "cut in the middle of a transaction",
            Striking("request", LOOKED_UP, Fate.CUT),
        ),
        (
            "half-closed in a transaction",
            Striking("request", LOOKED_UP, Fate.HALF_CLOSE),
        ),
        ("half-closed by the database", Striking("answer", b"commit", Fate.HALF_CLOSE)),
    ],
    ids=["before commit", "after commit", "in transaction", "half-closed", "half-answered"],
)
def test_a_cut_between_api_and_database_loses_and_doubles_nothing(
    database_line: tuple[Installation, Proxy], reached: Reached, words: str, judge: Striking
) -> None:
    installation, proxy = database_line
    proxy.judge = judge
    try:
        with under_load(installation) as load:
            while judge.struck < FAULTS:
                load.await_answers(5)
            proxy.judge = pass_all
    finally:
        proxy.judge = pass_all
    assert set(load.refusals) <= {"503", "409"}, load.refusals
    reached(f"connections to the database {words}", judge.struck)


def test_all_connections_to_the_database_cut_at_once(
    database_line: tuple[Installation, Proxy], reached: Reached
) -> None:
    installation, proxy = database_line
    with under_load(installation) as load:
        for _ in range(FAULTS):
            load.await_answers(5)
            proxy.cut_all()
    assert set(load.refusals) <= {"503", "409"}, load.refusals
    reached("times that all connections to the database were cut at once", FAULTS)


def test_a_slow_line_to_the_database_fails_nothing(
    database_line: tuple[Installation, Proxy], reached: Reached
) -> None:
    installation, proxy = database_line
    proxy.delay_seconds = DELAY_SECONDS
    try:
        with under_load(installation) as load:
            load.await_answers(FAULTS)
            proxy.delay_seconds = 0
    finally:
        proxy.delay_seconds = 0
    assert not load.refusals
    reached("writes over a slow line to the database", len(load.writes))


@pytest.mark.parametrize(
    ("words", "judge"),
    [
        ("cut before the request arrives", Striking("request", b"post /", Fate.CUT)),
        ("cut before the answer", Striking("request", b"post /", Fate.PASS_AND_CUT)),
        ("cut in the answer", Striking("answer", b"http/1.1 20", Fate.CUT)),
        ("half-closed by the client", Striking("request", b"post /", Fate.HALF_CLOSE)),
        ("half-closed by the server", Striking("answer", b"http/1.1 20", Fate.HALF_CLOSE)),
    ],
    ids=["before", "after", "answer", "half-closed", "half-answered"],
)
def test_a_cut_before_the_api_loses_and_doubles_nothing(
    installation: Installation, reached: Reached, words: str, judge: Striking
) -> None:
    with proxy_to(installation.port) as proxy:
        proxy.judge = judge
        url = f"http://127.0.0.1:{proxy.port}"
        with under_load(installation, url=url) as load:
            while judge.struck < FAULTS:
                load.await_answers(5)
            proxy.judge = pass_all
    assert "503" not in load.refusals
    reached(f"connections to the API {words}", judge.struck)


def pass_all(_direction: Direction, _chunk: bytes) -> Fate:
    return Fate.PASS
