"""What the database refuses for reasons of its own is 503: the request may come again."""

import psycopg
import pytest
from psycopg import errors

from crm_saas.kit.errors import Unavailable
from crm_saas.kit.problems import database_problem


@pytest.mark.parametrize(
    "error",
    [
        errors.DiskFull,
        errors.OutOfMemory,
        errors.TooManyConnections,
        errors.IoError,
        errors.AdminShutdown,
        errors.CannotConnectNow,
        errors.LockNotAvailable,
        errors.QueryCanceled,
        errors.DeadlockDetected,
        errors.ConnectionFailure,
        psycopg.OperationalError,
    ],
)
def test_it_is_503_with_a_time_to_wait(error: type[psycopg.Error]) -> None:
    problem = database_problem(error())
    assert isinstance(problem, Unavailable)
    assert int(problem.headers["Retry-After"]) >= 1


def test_a_full_disk_is_named() -> None:
    problem = database_problem(errors.DiskFull())
    assert "no room" in problem.detail
    assert problem.headers["Retry-After"] == "30"
