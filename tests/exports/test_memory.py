"""A real process that streams much more than it may hold."""

import re
from pathlib import Path

import httpx
import psutil

from crm_saas.kit.settings import Settings
from factories.filled import fill
from factories.served import serving
from factories.servers import Server
from factories.tenants import make_tenant
from sizes import sized

MIB = 1024 * 1024
# Of 20 KB each.
ROWS = sized(short=3_000, long=20_000, full=100_000)
GROWTH_BYTES_MAX = 40 * MIB


def size_of(client: httpx.Client, file_format: str, **query: str) -> int:
    with client.stream(
        "GET", "/customers/export", params={"format": file_format} | query, timeout=600
    ) as answer:
        assert answer.status_code == 200, answer.read()
        return sum(len(chunk) for chunk in answer.iter_raw())


def peak_bytes(process: psutil.Process) -> int:
    """The most that it ever had: what is given back at the end was held too."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


def process_of(server: Server) -> psutil.Process:
    port = int(server.url.rpartition(":")[2])
    [pid] = {
        connection.pid
        for connection in psutil.net_connections("tcp4")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    }
    return psutil.Process(pid)


def test_memory_stays_flat(settings: Settings) -> None:
    with serving(settings) as server, make_tenant(server) as tenant:
        client, process = tenant.client(), process_of(server)
        fill(settings, tenant.id, ROWS, notes=5_000, preferences=15_000)
        for file_format in ("csv", "jsonl"):
            size_of(client, file_format, customerNumber="CUST-00001")
        before = peak_bytes(process)
        for file_format in ("csv", "jsonl"):
            assert size_of(client, file_format) > ROWS * 20_000
        assert peak_bytes(process) - before < GROWTH_BYTES_MAX
