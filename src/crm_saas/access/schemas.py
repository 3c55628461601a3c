from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from crm_saas.kit.schemas import EmailText, Name, Struct

RoleName = Literal["owner", "manager", "sales_manager", "support", "pos", "auditor"]


class CreateKey(Struct):
    """`scopes` narrows the role's permissions; without it the key may all that its role may."""

    name: Name
    role: RoleName | Literal["publishable"]
    scopes: Annotated[list[str], Meta(max_length=50)] | None = None
    team_id: UUID | None = None
    member_id: UUID | None = None
    expires_at: datetime | None = None


class RotateKey(Struct):
    """The old key goes on working for `overlapSeconds`, so that tills can be changed over."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=30 * 86_400)] = 86_400


class KeyView(Struct):
    id: UUID
    kind: str
    name: str
    role: str
    scopes: list[str] | None
    team_id: UUID | None
    member_id: UUID | None
    hint: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKeyView(KeyView):
    """`key` is shown this once."""

    key: str


class KeyList(Struct):
    items: list[KeyView]
    next_cursor: str | None


class LogIn(Struct):
    email: EmailText
    password: Annotated[str, Meta(min_length=1, max_length=200)]


class SignedIn(Struct):
    """`token` goes into `Authorization: Bearer`; `tenants` are the slugs for `X-Tenant`."""

    token: str
    expires_at: datetime
    staff_id: UUID
    name: str
    tenants: list[str]


class SessionView(Struct):
    id: UUID
    created_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str | None
    current: bool


class SessionList(Struct):
    items: list[SessionView]


class WhoAmI(Struct):
    """What this credential is and may do."""

    kind: str
    id: UUID | None
    name: str
    role: str
    staff_scope: str
    permissions: list[str]
    tenant_id: UUID
    tenant_slug: str
    tenant_name: str


class MemberView(Struct):
    id: UUID
    name: str
    email: str
    role: str
    staff_scope: str
    team_id: UUID | None
    status: str


class MemberList(Struct):
    items: list[MemberView]
    next_cursor: str | None


class CreateTeam(Struct):
    name: Name


class TeamView(Struct):
    id: UUID
    name: str


class TeamList(Struct):
    items: list[TeamView]
    next_cursor: str | None
