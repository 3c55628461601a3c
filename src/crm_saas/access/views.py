"""Keys and members as the API and the command line show them."""

from datetime import datetime
from typing import Any

from crm_saas.access.models import ApiKey, Member
from crm_saas.access.schemas import KeyView, MemberView, NewKeyView
from crm_saas.kit.tokens import Token

_KEY_COLUMNS = (
    "id", "kind", "name", "role", "scopes", "team_id", "member_id",
    "created_at", "expires_at", "revoked_at",
)  # fmt: skip


def view_key(key: ApiKey, last_used_at: datetime | None = None) -> KeyView:
    return KeyView(**_columns(key), last_used_at=last_used_at)


def view_new_key(key: ApiKey, token: Token) -> NewKeyView:
    return NewKeyView(**_columns(key), last_used_at=None, key=token.text)


def view_member(member: Member) -> MemberView:
    return MemberView(**{name: getattr(member, name) for name in MemberView.__struct_fields__})


def _columns(key: ApiKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in _KEY_COLUMNS} | {"hint": key.token_hint}
