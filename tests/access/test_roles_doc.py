"""docs/roles.md shows what access/roles.py says: what is below the marker is made by `page()`."""

from pathlib import Path

from crm_saas.access.roles import PERMISSIONS, ROLES, staff_scope_of
from crm_saas.wiring import ROUTES

DOC = Path(__file__).resolve().parents[2] / "docs" / "roles.md"
MARKER = "tests/access/test_roles_doc.py compares -->\n"
SCOPES = {
    "all": "every customer",
    "team": "their team's customers",
    "own": "customers assigned to them",
}


def page() -> str:
    """To renew the document: `python -m pytest` shows the difference; paste what it expects."""
    head = ["Permission", "What for", *(f"`{role}`" for role in ROLES)]
    lines = [_row(head), _row(["---", "---", *([":-:"] * len(ROLES))])]
    for permission, meaning in PERMISSIONS.items():
        marks = ["●" if permission in granted else "" for granted in ROLES.values()]
        lines.append(_row([f"`{permission}`", meaning, *marks]))
    seen = [
        SCOPES[staff_scope_of(role)] if "customers:read" in ROLES[role] else "" for role in ROLES
    ]
    lines.append(_row(["", "sees", *seen]))
    return "\n" + "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def test_the_document_says_what_the_code_does() -> None:
    assert DOC.read_text().partition(MARKER)[2] == page()


def test_every_permission_is_needed_somewhere_and_granted_to_somebody() -> None:
    needed = {route.opt["permission"] for route in ROUTES if "permission" in route.opt}
    assert needed - {"any-credential"} <= PERMISSIONS.keys()
    for granted in ROLES.values():
        assert granted <= PERMISSIONS.keys()


def test_a_publishable_key_may_do_nothing_but_codes() -> None:
    assert ROLES["publishable"] == {"otp:send", "otp:verify"}
