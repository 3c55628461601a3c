"""Commands, names and links of every page, held against what they name."""

import re
import shlex
from pathlib import Path

import click
import pytest

from crm_saas.cli import cli
from factories.servers import Server
from factories.tenants import TestTenant
from shell_blocks import PAGES, ROOT, agrees, needs_shell, run, shell_blocks

_MAKE_TARGETS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
_ADDRESS = re.compile(r"\]\(([^)]+)\)")
# Placeholders, folders that a run makes, and what other projects are called.
_NOT_HERE = re.compile(r"[…*{}<>]|^\.|/generated|^/")


def commands_of(page: Path) -> list[list[str]]:
    text = "\n".join(block.commands for block in shell_blocks(page.read_text()))
    joined = text.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines()]
    return [
        shlex.split(line, comments=True) for line in lines if re.match(r"make |crm-saas ", line)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    for program, *arguments in commands_of(page):
        if program == "make":
            targets = [argument for argument in arguments if "=" not in argument]
            assert set(targets) <= _MAKE_TARGETS, arguments
        else:
            parse(cli, arguments)


def parse(command: click.Command, arguments: list[str]) -> None:
    """Reads the arguments as the command would, and runs nothing."""
    context = command.make_context("crm-saas", arguments)
    if isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        _, found, rest = command.resolve_command(context, rest)
        assert found
        parse(found, rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for address in _ADDRESS.findall(page.read_text()):
        if not address.startswith("http"):
            assert (page.parent / address.partition("#")[0]).exists(), address


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_exist(page: Path) -> None:
    """`kit/tokens.py` is looked for from the root, from the package and from the page."""
    for name in re.findall(r"`([\w./-]+\.(?:py|sql|toml|md|lock)|[\w./-]+/)`", page.read_text()):
        if _NOT_HERE.search(name) or "/" not in name.rstrip("/"):
            continue
        places = (ROOT, ROOT / "src/crm_saas", page.parent)
        assert any((place / name).exists() for place in places), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_exist(page: Path) -> None:
    """A page that names a proof names one that runs: `tests/folder/test_file.py::test_name`."""
    for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text()):
        source = (ROOT / file).read_text()
        assert not name or re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), (file, name)


@needs_shell
def test_integrators_commands(server: Server, tenant: TestTenant, tmp_path: Path) -> None:
    tenant.client().post("/customers", json={"type": "guest"})  # so that there is a second page
    blocks = shell_blocks((ROOT / "docs/integrators.md").read_text())

    printed = run(blocks, tmp_path, typed=iter(()), CRM=server.url, KEY=tenant.key())

    for block, output in zip(blocks, printed, strict=True):
        if block.output is not None:
            assert agrees(block.output, output), f"{block.commands}\nprinted\n{output}"
