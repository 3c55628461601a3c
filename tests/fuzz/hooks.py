"""What schemathesis does besides: two checks of ours, real ids for merges, and keys kept alive.

Runs inside schemathesis (tests/fuzz/schemathesis.toml), in a process of its own.
"""

import atexit
import json
import os
import uuid
from collections import Counter
from itertools import cycle
from pathlib import Path
from typing import Any

import schemathesis

# Ids of the credentials that the run works with: revoked, they would leave it nothing but 401.
KEPT = set(os.environ.get("CRM_FUZZ_KEPT", "").split(","))
TALLY = os.environ.get("CRM_FUZZ_TALLY")
# Parts of answers that would show what is inside.
INSIDES = (
    "Traceback", "psycopg", "sqlalchemy", "litestar", "msgspec", "crm_app", "crm_platform",
    "org_customers_mst", "sys_otp_codes", "SQLSTATE", "/site-packages/", "set_config",
)  # fmt: skip

_seen: Counter[tuple[str, int]] = Counter()
_customers: dict[str | None, list[str]] = {}  # by whose credential made them
_turn = cycle(range(5))


@schemathesis.check
def refusals_are_problems(ctx: Any, response: Any, case: Any) -> None:
    """RFC 9457 with a detail, the request's id, and a field for what a field got wrong."""
    if response.status_code < 400 or case.method == "HEAD" or case.path.startswith("/health/"):
        return
    problem = json.loads(response.content)
    assert response.headers["content-type"] == ["application/problem+json"], response.headers
    assert problem["status"] == response.status_code
    assert problem["requestId"] == response.headers["x-request-id"][0]
    assert problem["detail"] and problem["title"]
    assert problem["type"].startswith("https://crm-saas.dev/problems/")
    if problem["type"].endswith("/invalid-input") and problem["errors"]:
        assert all(error["message"] and error["code"] for error in problem["errors"])


@schemathesis.check
def nothing_inside_is_told(ctx: Any, response: Any, case: Any) -> None:
    """By refusals; the audit trail names tables on purpose."""
    if response.status_code < 400:
        return
    sent = json.dumps([str(case.body), str(case.query), case.path_parameters], default=str)
    told = response.content.decode("utf-8", "replace")
    for word in INSIDES:
        assert word not in told or word in sent, f"tells {word}"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    for name, value in (case.path_parameters or {}).items():
        if str(value) in KEPT:
            case.path_parameters[name] = str(uuid.uuid4())
    # A made-up tenant is refused before anything else of the request is looked at.
    if case.headers and "X-Tenant" in case.headers and next(_turn):
        del case.headers["X-Tenant"]
    ids = _customers.get(case.auth_identity, [])[-2:]
    if "/merge" in case.path and isinstance(case.body, dict) and len(ids) > 1:
        _merge_what_exists(case.body, ids)


def _merge_what_exists(body: dict[str, Any], ids: list[str]) -> None:
    """Two of the last customers, four times in five, where the ids are well formed."""
    if next(_turn) == 0:
        return
    for name, known in zip(("sourceId", "targetId"), ids, strict=True):
        if _is_id(body.get(name)):
            body[name] = known


def _is_id(value: object) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    label = case.operation.definition.raw.get("operationId", case.operation.label)
    _seen[label, response.status_code] += 1
    if response.status_code == 201 and case.path == "/api/v1/customers":
        _customers.setdefault(case.auth_identity, []).append(json.loads(response.content)["id"])


@atexit.register
def _write_tally() -> None:
    if TALLY:
        rows = [[name, status, count] for (name, status), count in sorted(_seen.items())]
        Path(TALLY).write_text(json.dumps(rows))
