"""What each role may do (SPEC 1.4). docs/roles.md shows this table; a test compares the two."""

from functools import cache
from typing import Literal

StaffScope = Literal["all", "team", "own"]

PERMISSIONS = {
    "customers:read": "see customers, search and list them",
    "customers:unmask": "see phones and e-mails whole",
    "customers:create": "create customers, find-or-create at the till",
    "customers:update": "edit, upgrade and move customers along the journey",
    "customers:bulk": "change many customers at once, stop such work",
    "customers:deactivate": "deactivate and reactivate customers",
    "customers:block": "block customers",
    "customers:assign": "assign customers to staff and teams",
    "customers:verify": "verify a customer's identity",
    "customers:merge": "merge customers and undo merges",
    "customers:export": "export customers",
    "customers:import": "import customers from files, and take imports back",
    "fields:manage": "define custom fields",
    "views:share": "share saved views with the tenant, change those that are",
    "addresses:read": "see addresses",
    "addresses:write": "add, edit and delete addresses",
    "addresses:verify": "verify or reject addresses",
    "otp:send": "send one-time codes",
    "otp:verify": "verify one-time codes",
    "audit:read": "read the audit trail",
    "keys:manage": "create, rotate and revoke API keys",
    "staff:read": "see members of staff and teams",
    "staff:manage": "add and change members of staff and teams",
    "session:self": "see and end one's own sessions",
}

_EVERYTHING = frozenset(PERMISSIONS)
_OTP = frozenset({"otp:send", "otp:verify"})

ROLES: dict[str, frozenset[str]] = {
    "owner": _EVERYTHING,
    "manager": _EVERYTHING,
    "sales_manager": _OTP
    | {
        "customers:read",
        "customers:unmask",
        "customers:create",
        "customers:update",
        "customers:bulk",
        "customers:deactivate",
        "views:share",
        "addresses:read",
        "addresses:write",
        "addresses:verify",
        "staff:read",
        "session:self",
    },
    "support": frozenset(
        {"customers:read", "customers:unmask", "addresses:read", "staff:read", "session:self"}
    ),
    "pos": _OTP
    | {
        "customers:read",
        "customers:unmask",
        "customers:create",
        "customers:update",
        "addresses:read",
        "addresses:write",
        "session:self",
    },
    "auditor": frozenset(
        {
            "customers:read",
            "customers:export",
            "addresses:read",
            "audit:read",
            "staff:read",
            "session:self",
        }
    ),
    # For customers' own devices: whoever reads the page's source has it.
    "publishable": _OTP,
}

STAFF_SCOPES: dict[str, StaffScope] = {"sales_manager": "team", "support": "own"}


def permissions_of(role: str) -> frozenset[str]:
    return ROLES.get(role, frozenset())


@cache
def roles_with(permission: str) -> str:
    """As PostgreSQL writes an array."""
    having = (role for role, permissions in ROLES.items() if permission in permissions)
    return f"{{{','.join(having)}}}"


def staff_scope_of(role: str) -> StaffScope:
    """Whose customers the role sees; the database enforces it."""
    return STAFF_SCOPES.get(role, "all")
