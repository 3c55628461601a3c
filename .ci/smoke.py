"""`make run` as a newcomer sees it: start, the README's tour, Ctrl-C, and once more."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from shell_blocks import run, section, shell_blocks  # noqa: E402 - not installed

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
CODE_SECONDS_MAX = 30


class Product:
    """One `make run`, in an empty environment and a process group of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / f"run-{time.monotonic_ns()}.log"
        started = time.monotonic()
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                ["make", "run"],
                cwd=ROOT,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(folder),
                    "PORT": str(port),
                    "CRM_DATA": str(folder / "data"),
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._until(self._serves, START_SECONDS_MAX, "no request was served")
        print(f"first request served after {time.monotonic() - started:.1f} s")

    def key(self) -> str:
        found = re.search(r"owner +(crm_sk_\w+)", self._log.read_text())
        assert found, self._log.read_text()
        return found[1]

    def codes(self) -> Iterator[str]:
        seen: list[str] = []
        while True:
            self._until(
                lambda: len(self._codes()) > len(seen), CODE_SECONDS_MAX, "no code was sent"
            )
            seen.append(self._codes()[len(seen)])
            yield seen[-1]

    def interrupt(self) -> None:
        """Ctrl-C reaches every process of the group."""
        os.killpg(self._process.pid, signal.SIGINT)
        self._process.wait(STOP_SECONDS_MAX)
        text = self._log.read_text()
        assert "Stopped." in text, text
        assert "Traceback" not in text, text
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            print("stopped by Ctrl-C")
        else:
            raise AssertionError("processes were left behind")

    def _serves(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _codes(self) -> list[str]:
        return re.findall(r"sms to \S+: .*?\b(\d{6})\b", self._log.read_text())

    def _until(self, condition: Callable[[], bool], seconds_max: float, failure: str) -> None:
        deadline = time.monotonic() + seconds_max
        while not condition():
            assert time.monotonic() < deadline, f"{failure}:\n{self._log.read_text()}"
            time.sleep(0.05)


def main() -> None:
    tour = shell_blocks(section((ROOT / "README.md").read_text(), "A five-minute tour"))[1:]
    with tempfile.TemporaryDirectory() as name, socket.socket() as probe:
        folder = Path(name)
        folder.chmod(0o711)  # as root, PostgreSQL runs as somebody else
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()

        product = Product(folder, port)
        key = product.key()
        run(tour, folder, typed=product.codes(), CRM=product.url, KEY=key)
        print("the README's tour works")
        environment = os.environ | {"CRM": f"{product.url}/api/v1", "KEY": key}
        subprocess.run(
            ["npm", "run", "--silent", "round-trip"],
            cwd=ROOT / "clients/typescript",
            env=environment,
            check=True,
        )
        product.interrupt()

        again = Product(folder, port)
        assert again.key() == key, "the second start has other keys"
        again.interrupt()


main()
