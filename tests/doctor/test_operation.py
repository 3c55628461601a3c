"""What an operator wants proved, each broken once."""

from collections.abc import Sequence

import psycopg
import pytest

from crm_saas.doctor.checks import Check
from crm_saas.doctor.operation import CHECKS

BY_NAME = {check.name: check for check in CHECKS}
SET_TENANT = """
do $$
begin
    execute format(
        'alter role crm_app in database %I set app.tenant_org_id = %L',
        current_database(),
        gen_random_uuid()
    );
end $$
"""
JOB = """
set local search_path = jobs;
insert into procrastinate_jobs (queue_name, task_name, status, scheduled_at)
values ('otp', 'otp.deliver', '{}', now() - interval '1 hour')
"""

FAULTS = {
    "delete from alembic_version": ("migrations", "crm-saas migrate"),
    JOB.format("failed"): ("parked jobs", "1 of otp.deliver"),
    JOB.format("todo"): ("late jobs", "1 jobs of otp"),
    JOB.format("doing"): ("late jobs", "1 jobs belong to workers"),
    "alter role crm_app set statement_timeout = 0": ("lasting settings", "no statement_timeout"),
    "alter role crm_app reset lock_timeout": ("lasting settings", "no lock_timeout"),
}


def faults(check: Check, connection: psycopg.Connection) -> Sequence[str]:
    return list(check.find(connection))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_sound_database_has_no_fault(check: Check, owner_connection: psycopg.Connection) -> None:
    assert faults(check, owner_connection) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: " ".join(fault.split())[:60])
def test_a_fault_is_found(fault: str, owner_connection: psycopg.Connection) -> None:
    name, words = FAULTS[fault]
    with owner_connection.transaction(force_rollback=True):  # roles are everybody's
        owner_connection.execute(fault.encode())
        (found,) = faults(BY_NAME[name], owner_connection)
    assert words in found


@pytest.mark.parametrize(
    ("fault", "name", "words"),
    [
        (SET_TENANT, "lasting settings", "app.tenant_org_id"),
        (
            "set local log_statement = 'all'; set local log_parameter_max_length = -1",
            "server log",
            "values of statements",
        ),
        ("set local log_min_duration_statement = 0", "server log", "values of statements"),
        (
            "set local log_parameter_max_length_on_error = -1",
            "server log",
            "values of failed statements",
        ),
    ],
)
def test_a_fault_of_the_server_is_found(
    fault: str, name: str, words: str, superuser: psycopg.Connection
) -> None:
    with superuser.transaction(force_rollback=True):
        superuser.execute(fault.encode())
        (found,) = faults(BY_NAME[name], superuser)
    assert words in found
