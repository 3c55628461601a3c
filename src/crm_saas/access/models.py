"""Staff over the whole platform, their membership in each tenant, and API keys (SPEC 1.3–1.5)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.ids import new_id
from crm_saas.kit.models import Base, Stamped, TenantOwned

ROLES = "('owner', 'manager', 'sales_manager', 'support', 'pos', 'auditor', 'publishable')"
SCOPES = "('all', 'team', 'own')"


class Staff(Stamped, Base):
    """One person's account; closed to the application's role except through functions."""

    __tablename__ = "sys_staff_mst"
    __table_args__ = (CheckConstraint("status in ('active', 'disabled')", name="status"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str]
    email_key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="active")


class StaffTenant(Base):
    """Which tenants a person belongs to, so that signing in need not ask each of them."""

    __tablename__ = "sys_staff_tenants"

    staff_id: Mapped[UUID] = mapped_column(
        ForeignKey("sys_staff_mst.id", ondelete="cascade"), primary_key=True
    )
    tenant_org_id: Mapped[UUID] = mapped_column(
        ForeignKey("sys_tenants_mst.id", ondelete="cascade"), primary_key=True
    )


class StaffSession(Base):
    """One sign-in; the token itself is nowhere stored, only its SHA-256."""

    __tablename__ = "sys_staff_sessions"
    __table_args__ = (Index("sys_staff_sessions_staff_ix", "staff_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("sys_staff_mst.id", ondelete="cascade"))
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    address: Mapped[str | None]
    user_agent: Mapped[str | None]


class Team(TenantOwned, Stamped, Base):
    __tablename__ = "org_teams"
    __constraints__ = (UniqueConstraint("tenant_org_id", "name", name="org_teams_name_uq"),)

    name: Mapped[str]


class Member(TenantOwned, Stamped, Base):
    """A person's membership in one tenant: role, team and scope."""

    __tablename__ = "org_members"
    __constraints__ = (
        UniqueConstraint("tenant_org_id", "staff_id", name="org_members_staff_uq"),
        ForeignKeyConstraint(
            ["tenant_org_id", "team_id"],
            ["org_teams.tenant_org_id", "org_teams.id"],
            name="org_members_team_fk",
            ondelete="restrict",
        ),
        CheckConstraint(f"role in {ROLES}", name="role"),
        CheckConstraint(f"staff_scope in {SCOPES}", name="staff_scope"),
        CheckConstraint("status in ('active', 'disabled')", name="status"),
    )

    staff_id: Mapped[UUID]
    name: Mapped[str]
    email: Mapped[str]
    role: Mapped[str]
    staff_scope: Mapped[str]
    team_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(server_default="active")


class ApiKey(TenantOwned, Stamped, Base):
    """A business's or a till's key; of the token only its SHA-256 and last characters are kept."""

    __tablename__ = "org_api_keys"
    __constraints__ = (
        UniqueConstraint("tenant_org_id", "token_hash", name="org_api_keys_token_uq"),
        ForeignKeyConstraint(
            ["tenant_org_id", "team_id"],
            ["org_teams.tenant_org_id", "org_teams.id"],
            name="org_api_keys_team_fk",
            ondelete="restrict",
        ),
        ForeignKeyConstraint(
            ["tenant_org_id", "member_id"],
            ["org_members.tenant_org_id", "org_members.id"],
            name="org_api_keys_member_fk",
            ondelete="restrict",
        ),
        CheckConstraint(f"role in {ROLES}", name="role"),
        CheckConstraint(f"staff_scope in {SCOPES}", name="staff_scope"),
        CheckConstraint("kind in ('secret', 'publishable')", name="kind"),
    )

    kind: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    scopes: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    staff_scope: Mapped[str]
    team_id: Mapped[UUID | None]
    member_id: Mapped[UUID | None]
    token_hash: Mapped[bytes]
    token_hint: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class KeyUse(TenantOwned, Base):
    """When a key was last used, to the minute; apart, so that keys themselves stay cold."""

    __tablename__ = "org_api_key_uses"
    __constraints__ = (
        ForeignKeyConstraint(
            ["tenant_org_id", "id"],
            ["org_api_keys.tenant_org_id", "org_api_keys.id"],
            name="org_api_key_uses_key_fk",
            ondelete="cascade",
        ),
    )

    last_used_at: Mapped[datetime]


class LogInAttempt(Base):
    """Attempts to sign in under one hashed e-mail or address, in the running window."""

    __tablename__ = "sys_log_in_attempts"

    name_hash: Mapped[bytes] = mapped_column(primary_key=True)
    window_started_at: Mapped[datetime]
    attempts: Mapped[int]
