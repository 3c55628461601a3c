"""Every fault of tests/planted is planted in a copy, and the tests that it names fail of it."""

from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest

from assurance import Reached
from planted.all_faults import FAULTS
from planted.fault import Fault
from planted.garden import Garden, Outcome
from sizes import sized

# A few each day, others the next; all of them where there is time.
SHARE = sized(short=6, long=len(FAULTS))
_FIRST = datetime.now(UTC).toordinal() * SHARE
CHOSEN = [FAULTS[(_FIRST + number) % len(FAULTS)] for number in range(SHARE)]


@pytest.fixture(scope="module")
def garden(
    owner_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Garden]:
    garden = Garden(tmp_path_factory.mktemp("garden"), owner_url, template_database)
    try:
        yield garden
    finally:
        garden.close()


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, garden: Garden) -> "dict[Fault, Future[Outcome]]":
    """All that this run asks for, begun at once; the tests then wait for their own."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    asked = [call.params["fault"] for call in calls if call and "fault" in call.params]
    return {fault: garden.start(fault) for fault in CHOSEN if fault in asked}


@pytest.mark.parametrize("fault", CHOSEN, ids=lambda fault: fault.says)
def test_a_fault_is_caught(
    fault: Fault, outcomes: "dict[Fault, Future[Outcome]]", reached: Reached
) -> None:
    outcome = outcomes[fault].result()
    for test in fault.caught_by:
        said = outcome.failed.get(test)
        assert said is not None, f"{test} does not fail of it:\n{outcome.output[-3000:]}"
        # What a test expects and does not find; any other exception may have another cause.
        assert said.startswith(("AssertionError", "assert", "Failed: DID NOT RAISE")), said
    reached("faults planted in the code, each caught by the test that names it", 1)


def test_the_same_tests_pass_without_a_fault(garden: Garden) -> None:
    named = {test for fault in CHOSEN for test in (*fault.after, *fault.caught_by)}
    outcome = garden.run(sorted(named)).result()
    assert outcome.failed == {} and outcome.broken == {}, outcome.output[-3000:]
    assert named <= outcome.passed
