"""The commands of a document, run as its reader would run them, one shell for all of them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("clients/*.md")],
)
RUN_SECONDS_MAX = 120

# Who has neither can still run the rest.
needs_shell = pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("curl")), reason="bash and curl are not installed"
)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_END = "--- end of block ---"


class Block(NamedTuple):
    """Commands, and what the page shows as their output; None where it shows nothing."""

    commands: str
    output: str | None


def section(page: str, title: str) -> str:
    """What stands below a heading, up to the next of the same rank."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title!r}"
    return found[1]


def shell_blocks(page: str) -> list[Block]:
    fences = [(match[1], match[2], match.start(), match.end()) for match in _FENCE.finditer(page)]
    blocks = []
    for index, (language, commands, _, end) in enumerate(fences):
        if language != "sh":
            continue
        following = fences[index + 1] if index + 1 < len(fences) else None
        shown = following and following[0] == "" and not page[end : following[2]].strip()
        blocks.append(Block(commands, following[1] if following and shown else None))
    return blocks


def run(blocks: Iterable[Block], folder: Path, *, typed: Iterator[str], **env: str) -> list[str]:
    """What each block prints. `typed` answers each `read` of the commands.

    A failing command ends the run, as if each line ended in `|| exit`.
    """
    script = folder / "blocks.sh"
    parts = [f"{block.commands}\necho '{_END}'\n" for block in blocks]
    script.write_text("set -euo pipefail\n" + "".join(parts))
    with (folder / "errors").open("w+") as errors:
        process = subprocess.Popen(
            ["bash", script],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"} | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert process.stdin
        for part in parts:
            for _ in re.findall(r"^read ", part, re.MULTILINE):
                process.stdin.write(next(typed) + "\n")
                process.stdin.flush()
        output, _ = process.communicate(timeout=RUN_SECONDS_MAX)
        errors.seek(0)
        outputs = output.split(f"{_END}\n")
        told = f"{output[-2000:]}\n{errors.read()}"
    assert process.returncode == 0, f"block {len(outputs)} failed:\n{told}"
    return outputs[:-1]


def agrees(shown: str, printed: str) -> bool:
    """`…` stands for anything: on a line of its own for lines, else within its line."""
    pattern = ""
    for line in shown.splitlines():
        if line == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += "[^\n]*".join(re.escape(part) for part in line.split("…")) + r"\n"
    # A body often ends without a new line; what is shown may stop early only at a `…`.
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n") is not None
