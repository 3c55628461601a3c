"""What a log may say of a database: why it failed, and none of the values that it refused."""

import logging
import sys
from io import StringIO

import httpx
import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from crm_saas.kit.settings import Settings
from crm_saas.kit.telemetry.logs import POOL_SECONDS, PoolWarnings, configure_logs
from factories.servers import run_server
from factories.tenants import make_tenant

CANARY = "canary-90123456"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """All that this process logs, as production writes it."""
    written = StringIO()
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers)
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(sys, "stderr", written)
    configure_logs(production=True)
    return written


def test_a_refused_value_is_not_in_the_log(shared_settings: Settings, log: StringIO) -> None:
    url = shared_settings.owner_url.set(drivername="postgresql+psycopg")
    engine = create_engine(url, hide_parameters=True)
    with engine.connect() as connection:
        connection.execute(text("create temp table t (v text constraint t_v_uq unique)"))
        insert = text("insert into t values (:v)")
        connection.execute(insert, {"v": CANARY})
        with pytest.raises(IntegrityError) as refusal:
            connection.execute(insert, {"v": CANARY})
    engine.dispose()
    assert CANARY in str(refusal.value.orig)  # PostgreSQL's DETAIL
    try:
        try:
            raise refusal.value
        except IntegrityError as error:
            raise RuntimeError("something of ours") from error
    except RuntimeError:
        logging.getLogger("crm_saas.requests").exception("request failed")
    written = log.getvalue()
    assert CANARY not in written
    assert "UniqueViolation 23505 t_v_uq" in written
    assert "something of ours" in written
    assert "test_logs.py" in written


def test_an_unavailable_database_is_a_line_a_request(settings: Settings, log: StringIO) -> None:
    with run_server(settings) as server, make_tenant(server) as tenant:
        client = tenant.client("owner")
        assert client.get("/auth/me").status_code == 200
        _refuse_connections(settings, allow=False)
        try:
            log.truncate(0)
            answers = [client.get("/auth/me") for _ in range(3)]
            lines = [line for line in log.getvalue().splitlines() if line.strip("\0")]
        finally:
            _refuse_connections(settings, allow=True)
        assert [answer.status_code for answer in answers] == [503] * 3
        assert sum("crm_saas.requests" in line for line in lines) == 3, lines
        assert not any("Traceback" in line or "File " in line for line in lines)
        assert all('"reason"' in line for line in lines if "crm_saas.requests" in line)
        assert _recovered(client)


def _refuse_connections(settings: Settings, *, allow: bool) -> None:
    name = settings.owner_url.database
    admin = settings.owner_url.set(drivername="postgresql", database="postgres")
    url = admin.render_as_string(hide_password=False)
    change = f"alter database {name} allow_connections {allow}".encode()
    if allow:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(change)
        return
    with (
        psycopg.connect(url, autocommit=True) as connection,
        psycopg.connect(settings.url("crm_app"), autocommit=True) as one_of_them,
    ):
        connection.execute(change)
        one_of_them.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and usename = current_user"
            " and pid <> pg_backend_pid()"
        )


def _recovered(client: httpx.Client) -> bool:
    return client.get("/auth/me").status_code == 200


def test_pools_complain_once_in_a_while() -> None:
    warnings = PoolWarnings()
    record = logging.makeLogRecord({"name": "psycopg.pool", "msg": "error connecting"})
    other = logging.makeLogRecord({"name": "crm_saas.requests", "msg": "request"})
    assert [warnings.filter(record) for _ in range(3)] == [True, False, False]
    assert all(warnings.filter(other) for _ in range(3))
    warnings._next_at["psycopg.pool"] -= POOL_SECONDS
    assert warnings.filter(record)
