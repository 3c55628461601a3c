"""Long work: asked for once, watched until it ends, with the memory that it takes."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.machine import memory_mib
from benchmarks.processes import Served
from benchmarks.unmeasured import Unmeasured

SECONDS_MAX = 3600
_SAMPLE_SECONDS = 0.25
_POLL_SECONDS = 0.5
_READ_BYTES = 1024 * 1024
Answer = dict[str, Any]


@dataclass(frozen=True)
class Caller:
    """The API as one credential uses it."""

    served: Served
    key: str

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        file: Path | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Raises Unmeasured for a route that this version has not, RuntimeError for a refusal."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": content_type}
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=SECONDS_MAX)
        try:
            if file is not None:
                headers["Content-Length"] = str(file.stat().st_size)
                with file.open("rb") as content:
                    connection.request(method, path, body=content, headers=headers)
            else:
                sent = b"" if body is None else msgspec.json.encode(body)
                connection.request(method, path, body=sent, headers=headers)
            answer = connection.getresponse()
            content_ = answer.read()
        finally:
            connection.close()
        if answer.status in {404, 405}:
            raise Unmeasured(f"{method} {path.partition('?')[0]} answers {answer.status}")
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} answers {answer.status}: {content_[:500]!r}")
        found: Answer = msgspec.json.decode(content_)
        return found

    def download(self, path: str) -> int:
        """How many bytes; they are thrown away."""
        headers = {"Authorization": f"Bearer {self.key}"}
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=SECONDS_MAX)
        received, space = 0, bytearray(_READ_BYTES)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise RuntimeError(f"{path} answers {answer.status}: {answer.read(500)!r}")
            while count := answer.readinto(space):
                received += count
        finally:
            connection.close()
        return received

    def await_end(
        self, path: str, *, unfinished: set[str], say: Callable[[Mapping[str, Any]], None]
    ) -> Answer:
        """What is shown once its `status` is none of these; `say` gets what is shown meanwhile."""
        deadline = time.monotonic() + SECONDS_MAX
        said = time.monotonic()
        while (shown := self.ask("GET", path))["status"] in unfinished:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{path} is still {shown['status']} after {SECONDS_MAX} s")
            if time.monotonic() - said > 10:
                said = time.monotonic()
                say(shown)
            time.sleep(_POLL_SECONDS)
        return shown


@dataclass
class Memory:
    before_mib: float
    peak_mib: float

    @property
    def grown_mib(self) -> float:
        return self.peak_mib - self.before_mib


@contextmanager
def watching_memory(pid: int) -> Iterator[Memory]:
    """Of this process and all below it."""
    now = memory_mib([pid])
    memory, ended = Memory(now, now), threading.Event()

    def watch() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            memory.peak_mib = max(memory.peak_mib, memory_mib([pid]))

    watcher = threading.Thread(target=watch, name="memory watcher", daemon=True)
    watcher.start()
    try:
        yield memory
    finally:
        ended.set()
        watcher.join()
