"""schemathesis over every operation of the document that a real server gives out.

Examples, coverage of each keyword, fuzzing, and sequences along the document's links, with every
check that it has. Nothing is named here: an operation enters with its route.

Each role runs a fresh seed, and the owners those that are kept (seeds.txt). To repeat a failure:
`CRM_FUZZ_SEED=… make fuzz ARGS='tests/fuzz/test_api.py -k owners'`.
"""

import json
import os
import secrets
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from assurance import Reached
from factories.requests import operations
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant
from sizes import SIZE, sized

FOLDER = Path(__file__).parent
KEPT_SEEDS = [int(line.split()[0]) for line in (FOLDER / "seeds.txt").read_text().splitlines()]
FRESH_SEED = int(os.environ.get("CRM_FUZZ_SEED") or secrets.randbelow(1 << 32))
# Examples an operation in the phases that draw them; the others have a number of their own.
EXAMPLES = {"owners": sized(short=3, long=60, full=400)}
EXAMPLES_OF_OTHERS = sized(short=3, long=10, full=100)
SECONDS_MAX = sized(short=120, long=900, full=3600)
OUTPUT_LINES_MAX = 200

# Whose credentials, of two tenants at once: each is asked for what the other has.
ROLES = {"owners": "owner", "tills": "pos", "devices": "publishable", "auditors": "auditor"}
# Otherwise a run would have met refusals only. Some need a code, a password or a signature.
SUCCEEDED_MIN = 0.6


@pytest.mark.parametrize("role", ROLES if SIZE != "short" else ["owners"])
def test_every_operation_keeps_its_word(
    role: str, fresh_server: Server, tmp_path: Path, reached: Reached
) -> None:
    with make_tenant(fresh_server) as ours, make_tenant(fresh_server) as theirs:
        keys = [tenant.key(ROLES[role]) for tenant in (ours, theirs)]
        users = _users_file(tmp_path, keys)
        kept = KEPT_SEEDS if role == "owners" and SIZE != "short" else []
        tally: Counter[tuple[str, int]] = Counter()
        for seed in [FRESH_SEED, *kept]:
            examples = EXAMPLES.get(role, EXAMPLES_OF_OTHERS) if not tally else EXAMPLES_OF_OTHERS
            ids = _ids(ours, theirs)
            report, seen = _run(fresh_server, users, ids, seed, examples, tmp_path)
            tally += seen
            reached("requests made up from the API's document", report["test_cases"]["generated"])
            reached(f"… as {role}", report["test_cases"]["generated"])
        _still_good(fresh_server, keys)
    reached("statuses of operations that were met", len(tally))
    assert {name for name, _ in tally} == set(_operations(fresh_server)), (
        "an operation was left out"
    )
    if role == "owners" and SIZE != "short":
        succeeded = {name for name, status in tally if status < 300}
        reached("operations that succeeded among them", len(succeeded))
        assert len(succeeded) >= SUCCEEDED_MIN * len(_operations(fresh_server))


def _run(
    server: Server, users: Path, kept_ids: list[str], seed: int, examples: int, folder: Path
) -> tuple[dict[str, Any], Counter[tuple[str, int]]]:
    """The report, and how often each operation answered with each status."""
    report, tally = folder / f"report-{seed}.json", folder / f"tally-{seed}.json"
    # One thread: Python 3.11 sometimes fails to parse in several at once (gh-106905).
    command = [
        Path(sys.executable).with_name("schemathesis"),
        "--config-file", FOLDER / "schemathesis.toml",
        "run", f"{server.url}/api/v1/openapi.json",
        "--checks", "all",
        "--max-examples", str(examples),
        "--seed", str(seed),
        "--workers", "1",
        "--generation-database", "none",
        "--report", "json", "--report-json-path", report,
        "--no-color",
        *(["--phases", "examples,fuzzing,stateful"] if SIZE == "short" else []),
    ]  # fmt: skip
    environment = os.environ | {
        "CRM_FUZZ_HOOKS": str(FOLDER / "hooks.py"),
        "CRM_FUZZ_USERS": str(users),
        "CRM_FUZZ_KEPT": ",".join(kept_ids),
        "CRM_FUZZ_TALLY": str(tally),
    }
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX
    )
    if done.returncode != 0:
        pytest.fail(f"CRM_FUZZ_SEED={seed} finds again:\n{_shortened(done.stdout)}", pytrace=False)
    return json.loads(report.read_text()), Counter(
        {(name, status): count for name, status, count in json.loads(tally.read_text())}
    )


def _users_file(folder: Path, keys: list[str]) -> Path:
    """Web Fuzzing Commons' form of credentials, whose peers must not see each other's objects."""
    users = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {key}"}]}
        for name, key in zip(("ours", "theirs"), keys, strict=True)
    ]
    file = folder / "users.json"
    file.write_text(json.dumps({"auth": users}))
    return file


def _ids(*tenants: TestTenant) -> list[str]:
    return [
        key["id"]
        for tenant in tenants
        for key in tenant.client("owner").get("/keys", params={"limit": 200}).json()["items"]
    ]


def _still_good(server: Server, keys: list[str]) -> None:
    """Otherwise the run would have met nothing but 401."""
    for key in keys:
        with server.client(key) as client:
            assert client.get("/auth/me").status_code == 200


def _operations(server: Server) -> list[str]:
    document = httpx.get(f"{server.url}/api/v1/openapi.json", timeout=30).json()
    return [name for name, *_ in operations(document)]


def _shortened(output: str) -> str:
    lines = [line[:500] for line in output.splitlines()]
    return "\n".join(lines[:OUTPUT_LINES_MAX])
