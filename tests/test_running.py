"""`make run` as a developer meets it: a process, its terminal, and signals."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import psutil
import pytest

from crm_saas.kit.postgres.folder import DataFolder
from crm_saas.kit.postgres.processes import server_processes
from factories.waiting import until

COMMAND = [sys.executable, "-c", "from crm_saas.cli import main; main()"]
SECONDS_MAX = 60


def _environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return kept | variables


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"PORT": "80000"}, "A port is a number from 1 to 65535, not 80000"),
        ({"CRM_DATA": __file__}, "is no folder: let CRM_DATA name one"),
        ({"CRM_DATA": f"{__file__}/data"}, "cannot be made"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL must read postgresql://"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL must read postgresql://"),
    ],
)
def test_a_wrong_setting_ends_in_a_sentence(variables: dict[str, str], sentence: str) -> None:
    environment = _environment(PORT=str(_free_port())) | variables
    done = subprocess.run(
        [*COMMAND, "up"], env=environment, capture_output=True, text=True, timeout=SECONDS_MAX
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.startswith("crm-saas: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="crm-saas-test-") as place:
        Path(place).chmod(0o711)  # as root, the server runs as somebody else
        yield Path(place) / "data"


def test_a_dead_database_is_started_again(folder: Path) -> None:
    port = _free_port()
    with subprocess.Popen(
        [*COMMAND, "up"],
        env=_environment(CRM_DATA=str(folder), PORT=str(port)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        try:
            printed = _read_until(process.stdout, "Uvicorn running on")
            assert "staff sign in as owner@alnoor.example" in printed
            assert "password demo-password" in printed
            ready = f"http://127.0.0.1:{port}/health/ready"
            assert httpx.get(ready).status_code == 200

            assert _link_of_an_export(printed, port).startswith(f"http://127.0.0.1:{port}/api/")

            _postmaster(folder).kill()
            _read_until(process.stdout, "PostgreSQL ended by itself")
            _read_until(process.stdout, "PostgreSQL runs again.")
            assert httpx.get(ready, timeout=30).status_code == 200

            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
            assert process.wait(SECONDS_MAX) == 0
        finally:
            if process.poll() is None:
                process.kill()
    assert rest.endswith("Stopped.\n")
    assert "ended by itself" not in rest
    assert server_processes(DataFolder(folder).cluster) == []


def _link_of_an_export(printed: str, port: int) -> str:
    key = printed.partition("manager ")[2].split()[0]
    api = f"http://127.0.0.1:{port}/api/v1"
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        requested = client.post(f"{api}/exports", json={}).raise_for_status().json()
        made = f"{api}/exports/{requested['id']}"
        until(lambda: client.get(made).json()["status"] == "ready", SECONDS_MAX)
        return str(client.get(made).json()["link"])


def _postmaster(folder: Path) -> psutil.Process:
    lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
    return psutil.Process(int(lines[0]))


def _read_until(output: IO[str], words: str) -> str:
    read = ""
    for line in output:
        read += line
        if words in line:
            return read
    raise AssertionError(f"{words!r} was not printed, but:\n{read}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
