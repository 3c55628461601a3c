"""SIGTERM under load: not ready first, then, once nobody asks any more, the end."""

import signal
import time

import httpx

from assurance import Reached
from factories.processes import wait_for
from faults.installation import Installation, installed
from faults.load import under_load
from sizes import sized

STOPS = sized(short=1, long=5)
DRAIN_SECONDS = 5
GRACE_SECONDS_MAX = 60


def test_no_request_fails_while_the_server_stops(reached: Reached) -> None:
    """The tills go away as a load balancer sends them: once the server is not ready."""
    with installed(environment={"CRM_DRAIN_SECONDS": str(DRAIN_SECONDS)}) as installation:
        for _ in range(STOPS):
            with under_load(installation) as load:
                load.await_answers(20)
                process = installation.server.process
                process.send_signal(signal.SIGTERM)
                told_at = time.monotonic()
                wait_for(
                    "the server says that it is not ready",
                    lambda: not is_ready(installation),
                    seconds_max=DRAIN_SECONDS,
                )
                load.stop()
                assert process.wait(GRACE_SECONDS_MAX) == 0
                assert time.monotonic() - told_at >= DRAIN_SECONDS
                assert not load.refusals, load.refusals
                assert "request failed" not in installation.server.log()
                installation.restart_server()
                installation.await_ready()
    reached("stops by SIGTERM under load, no request failed", STOPS)


def is_ready(installation: Installation) -> bool:
    answer = httpx.get(f"{installation.url}/health/ready", timeout=10)
    assert answer.status_code in {200, 503}
    return answer.status_code == 200
