"""A store that speaks S3, as a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from factories.processes import free_port, wait_for

BUCKET = "crm-files"


@contextmanager
def s3_store() -> Iterator[str]:
    """Its address, with one bucket in it. Whoever signs is let in."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("the store", lambda: _answers(url), seconds_max=60)
        httpx.put(f"{url}/{BUCKET}", headers=SIGNED).raise_for_status()
        yield url
    finally:
        process.kill()
        process.wait()


# Moto looks at the region and the service in it, and at nothing else.
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request"}


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/moto-api/", timeout=5).is_success
    except httpx.TransportError:
        return False
