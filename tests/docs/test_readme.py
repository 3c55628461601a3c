"""The tour of the README, typed in against a real server."""

import logging
import queue
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_saas.kit.settings import Settings
from factories.servers import run_server
from factories.tenants import make_tenant
from shell_blocks import ROOT, agrees, needs_shell, run, section, shell_blocks

CODE_SECONDS_MAX = 30


class CodesInTheLog(logging.Handler):
    """What a developer reads in the terminal of `make run`."""

    def __init__(self) -> None:
        super().__init__()
        self._codes: queue.SimpleQueue[str] = queue.SimpleQueue()

    def emit(self, record: logging.LogRecord) -> None:
        if found := re.search(r"\b\d{6}\b", record.getMessage().partition(": ")[2]):
            self._codes.put(found[0])

    def __iter__(self) -> Iterator[str]:
        while True:
            yield self._codes.get(timeout=CODE_SECONDS_MAX)


@pytest.fixture
def codes() -> Iterator[CodesInTheLog]:
    handler = CodesInTheLog()
    logger = logging.getLogger("crm_saas.otp")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@needs_shell
def test_tour(settings: Settings, codes: CodesInTheLog, tmp_path: Path) -> None:
    tour = section((ROOT / "README.md").read_text(), "A five-minute tour")
    names, *blocks = shell_blocks(tour)
    assert re.findall(r"^export (\w+)=", names.commands, re.MULTILINE) == ["CRM", "KEY"]

    with run_server(settings, with_worker=True) as server, make_tenant(server) as tenant:
        printed = run(blocks, tmp_path, typed=iter(codes), CRM=server.url, KEY=tenant.key("owner"))

    for block, output in zip(blocks, printed, strict=True):
        if block.output is not None:
            assert agrees(block.output, output), (
                f"{block.commands}\nprinted\n{output}\nwhere the README shows\n{block.output}"
            )
