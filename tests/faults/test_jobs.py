"""Jobs that always fail, and a provider that accepts and then says nothing."""

import json
import subprocess
from typing import Any

import psycopg
import pytest

from assurance import Reached
from crm_saas.worker import _STALLED_AFTER_SECONDS
from factories.codes import new_mobile
from factories.customers import create_stub, new_name
from factories.database import rows
from factories.processes import COMMAND, outside_environment, wait_for
from factories.tenants import TestTenant
from faults.installation import Installation, installed
from otp import twilio_stand_in as twilio
from otp.twilio_stand_in import Fault, TwilioStandIn, twilio_stand_in
from sizes import sized

WORK_SECONDS_MAX = 120
# A heartbeat that is missing for so long, the minute of the rescue's schedule, and some.
RESCUE_SECONDS_MAX = _STALLED_AFTER_SECONDS + 60 + 90
FINDING = "merges.compare"


def crm(installation: Installation, *words: str) -> Any:
    """What the operator's command prints as JSON."""
    done = subprocess.run(
        [COMMAND, *words, "--json"],
        env=outside_environment(DATABASE_URL=installation.postgres.url),
        capture_output=True,
        text=True,
        timeout=WORK_SECONDS_MAX,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_job_that_always_fails_is_parked_and_replayed_and_holds_up_nothing(
    installation: Installation, reached: Reached
) -> None:
    tenant = installation.tenant()
    with installation.superuser() as admin:
        admin.execute("set search_path = jobs, public")
        admin.execute("revoke insert on public.org_customer_duplicates from crm_app")
        try:
            name = new_name()
            twins = {create_stub(tenant.client("pos"), name=name)["id"] for _ in range(2)}
            phone = new_mobile()
            sent = tenant.client("pos").post("/customers/send-otp", json={"phone": phone})
            assert sent.status_code == 202
            wait_for("only parked jobs", lambda: settled(admin), seconds_max=WORK_SECONDS_MAX)
            assert set(installation.jobs()) == {(FINDING, "failed")}  # the delivery is done
        finally:
            admin.execute("grant insert on public.org_customer_duplicates to crm_app")
    listed = crm(installation, "jobs", "list")
    assert {job["name"] for job in listed} == {FINDING}
    assert {job["arguments"]["tenant_id"] for job in listed} == {str(tenant.id)}
    crm(installation, "jobs", "retry", *(str(job["id"]) for job in listed))
    wait_for("the replay's effect", lambda: pairs(tenant), seconds_max=WORK_SECONDS_MAX)
    installation.await_jobs(seconds_max=WORK_SECONDS_MAX)
    assert pairs(tenant) == [twins]
    assert crm(installation, "jobs", "list") == []
    reached("jobs that always failed, parked, replayed, done", 1)


def settled(admin: psycopg.Connection[Any]) -> bool:
    """Whether all jobs have ended, one of them parked. Time passes: what waits for its next try
    is due."""
    admin.execute(
        "update procrastinate_jobs set scheduled_at = now()"
        " where status = 'todo' and attempts > 0 and scheduled_at > now()"
    )
    found = admin.execute("select status from procrastinate_jobs where args ? 'tenant_id'")
    return {status for (status,) in found} == {"failed"}


def pairs(tenant: TestTenant) -> list[set[str]]:
    found = rows(
        tenant.server.settings,
        "select customer_a::text, customer_b::text from org_customer_duplicates"
        " where tenant_org_id = %s",
        tenant.id,
    )
    return [set(pair) for pair in found]


@pytest.mark.parametrize("dies", sized(short=[False], long=[False, True]))
def test_a_provider_that_accepts_and_says_nothing_is_not_asked_twice(
    reached: Reached, dies: bool
) -> None:
    """Nor when the worker dies meanwhile: another finds the job, and nothing to send."""
    with twilio_stand_in() as provider, installed(environment=texting(provider)) as installation:
        tenant = installation.tenant()
        provider.fail(Fault(silent=True))
        sent = tenant.client("pos").post("/customers/send-otp", json={"phone": new_mobile()})
        assert sent.status_code == 202
        wait_for("the provider has it", lambda: provider.sent, seconds_max=WORK_SECONDS_MAX)
        if dies:
            installation.worker.kill()
            installation.worker.start()
        installation.await_jobs(seconds_max=RESCUE_SECONDS_MAX)
        assert installation.jobs() == []
        assert len(provider.sent) == provider.requests == 1
        assert delivery(installation) == ["sending" if dies else "unknown"]
    reached("codes whose provider said nothing, sent once", 1)


def texting(provider: TwilioStandIn) -> dict[str, str]:
    return {
        "CRM_OTP_SENDER": "twilio",
        "TWILIO_ACCOUNT_SID": twilio.ACCOUNT,
        "TWILIO_AUTH_TOKEN": twilio.TOKEN,
        "TWILIO_FROM": twilio.FROM,
        "TWILIO_BASE_URL": provider.base_url,
    }


def delivery(installation: Installation) -> list[str]:
    with installation.superuser() as admin:
        return [state for (state,) in admin.execute("select delivery_state from sys_otp_codes")]
