"""Customers: what one tenant knows of a person (SPEC 2), and the platform-wide person behind."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.ids import new_id
from crm_saas.kit.models import Base, Stamped, TenantOwned

_LIVING = text("status not in ('merged', 'erased')")


class Person(Base):
    """The platform-wide person behind a verified phone. No tenant ever sees this id."""

    __tablename__ = "sys_customers_mst"
    __table_args__ = (
        Index(
            "sys_customers_mst_key_version_ix",
            "key_version",
            postgresql_where=text("key_version is not null"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    phone_hash: Mapped[bytes] = mapped_column(unique=True)
    key_version: Mapped[int | None] = mapped_column(BigInteger)
    """Of the master key that the hash is made with; null, from before that was written down, is
    the oldest."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


def _folded(expression: str) -> Any:
    return mapped_column(
        Text(collation="C"), Computed(expression, persisted=True), nullable=True, sort_order=95
    )


class Customer(TenantOwned, Stamped, Base):
    __tablename__ = "org_customers_mst"
    __constraints__ = (
        ForeignKeyConstraint(
            ["tenant_org_id"],
            ["sys_tenants_mst.id"],
            name="org_customers_mst_tenant_fk",
            ondelete="restrict",
        ),
        ForeignKeyConstraint(
            ["tenant_org_id", "assigned_to"],
            ["org_members.tenant_org_id", "org_members.id"],
            name="org_customers_mst_assigned_fk",
            ondelete="restrict",
        ),
        ForeignKeyConstraint(
            ["tenant_org_id", "team_id"],
            ["org_teams.tenant_org_id", "org_teams.id"],
            name="org_customers_mst_team_fk",
            ondelete="restrict",
        ),
        ForeignKeyConstraint(
            ["tenant_org_id", "merged_into"],
            ["org_customers_mst.tenant_org_id", "org_customers_mst.id"],
            name="org_customers_mst_merged_into_fk",
            ondelete="restrict",
        ),
        UniqueConstraint("tenant_org_id", "customer_number", name="org_customers_mst_number_uq"),
        CheckConstraint("profile_status in ('guest', 'stub', 'full')", name="profile"),
        CheckConstraint(
            "status in ('active', 'inactive', 'blocked', 'merged', 'erased')", name="status"
        ),
        CheckConstraint(
            "lifecycle in ('new', 'repeat', 'loyal', 'vip', 'atRisk', 'churned')", name="lifecycle"
        ),
        CheckConstraint("customer_type in ('individual', 'business')", name="type"),
        CheckConstraint("(status = 'merged') = (merged_into is not null)", name="merged"),
        Index(
            "org_customers_mst_phone_uq",
            "tenant_org_id",
            "phone",
            unique=True,
            postgresql_where=_LIVING,
        ),
        Index(
            "org_customers_mst_email_uq",
            "tenant_org_id",
            "email_key",
            unique=True,
            postgresql_where=_LIVING,
        ),
        Index("org_customers_mst_created_ix", "tenant_org_id", "created_at", "id"),
        Index("org_customers_mst_updated_ix", "tenant_org_id", "updated_at", "id"),
        Index("org_customers_mst_sequence_ix", "tenant_org_id", "customer_seq", "id"),
        Index("org_customers_mst_name_ix", "tenant_org_id", "name_norm", "id"),
        Index("org_customers_mst_name2_ix", "tenant_org_id", "name2_norm", "id"),
        Index("org_customers_mst_skeleton_ix", "tenant_org_id", "name_skeleton", "id"),
        Index("org_customers_mst_skeleton2_ix", "tenant_org_id", "name2_skeleton", "id"),
        Index("org_customers_mst_phone_rev_ix", "tenant_org_id", "phone_rev", "id"),
        Index("org_customers_mst_email_ix", "tenant_org_id", "email_norm", "id"),
        Index("org_customers_mst_number_ix", "tenant_org_id", "number_norm", "id"),
        Index("org_customers_mst_merged_ix", "tenant_org_id", "merged_into"),
        Index("org_customers_mst_assigned_ix", "tenant_org_id", "assigned_to", "id"),
        Index("org_customers_mst_team_ix", "tenant_org_id", "team_id", "id"),
        Index(
            "org_customers_mst_fragments_ix",
            "tenant_org_id",
            # The windows of sql/functions/search_fragments.sql.
            text("uuid_hash_extended(tenant_org_id, customer_seq >> 14)"),
            "search_text",
            postgresql_using="gin",
            postgresql_ops={"search_text": "gin_trgm_ops"},
            postgresql_with={"gin_pending_list_limit": 256},
        ),
    )

    customer_number: Mapped[str]
    customer_seq: Mapped[int] = mapped_column(BigInteger)
    profile_status: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="active")
    journey_stage: Mapped[str] = mapped_column(server_default="prospect")
    lifecycle: Mapped[str] = mapped_column(server_default="new")
    customer_type: Mapped[str] = mapped_column(server_default="individual")

    name: Mapped[str | None]
    name2: Mapped[str | None]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    display_name: Mapped[str]
    honorific: Mapped[str | None]
    date_of_birth: Mapped[date | None]
    avatar_url: Mapped[str | None]
    locale: Mapped[str | None]
    notes: Mapped[str | None]
    preferences: Mapped[dict[str, Any]] = mapped_column(server_default="{}")

    company_name: Mapped[str | None]
    company_size: Mapped[str | None]
    industry: Mapped[str | None]
    annual_revenue_minor: Mapped[int | None] = mapped_column(BigInteger)
    annual_revenue_currency: Mapped[str | None]

    phone: Mapped[str | None]
    phone_verified_at: Mapped[datetime | None]
    phone_verified_by: Mapped[str | None]
    phone_verified_how: Mapped[str | None]
    email: Mapped[str | None]
    email_key: Mapped[str | None]
    email_verified_at: Mapped[datetime | None]
    email_verified_by: Mapped[str | None]
    email_verified_how: Mapped[str | None]
    identity_verified_at: Mapped[datetime | None]
    identity_verified_by: Mapped[str | None]
    identity_verified_how: Mapped[str | None]
    customer_since: Mapped[datetime | None]

    assigned_to: Mapped[UUID | None]
    team_id: Mapped[UUID | None]
    person_id: Mapped[UUID | None]
    merged_into: Mapped[UUID | None]
    merged_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(BigInteger, server_default="1")

    name_norm: Mapped[str | None] = _folded("fold_text(coalesce(name, display_name))")
    name2_norm: Mapped[str | None] = _folded("fold_text(name2)")
    name_skeleton: Mapped[str | None] = _folded("name_skeleton(fold_text(name))")
    name2_skeleton: Mapped[str | None] = _folded("name_skeleton(fold_text(name2))")
    email_norm: Mapped[str | None] = _folded("fold_text(email)")
    phone_rev: Mapped[str | None] = _folded("reverse_digits(phone)")
    number_norm: Mapped[str | None] = _folded("fold_text(customer_number)")
    search_text: Mapped[str | None] = _folded(
        "fold_text(coalesce(display_name, '') || ' ' || coalesce(name, '') || ' '"
        " || coalesce(name2, '') || ' ' || coalesce(first_name, '') || ' '"
        " || coalesce(last_name, '') || ' ' || coalesce(company_name, '') || ' '"
        " || coalesce(email, '') || ' ' || customer_number || ' ' || coalesce(phone, ''))"
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Identifier(TenantOwned, Base):
    """A phone or e-mail that finds a customer: the customer's own, or an alias from a merge.

    One unique constraint over both kinds of claim, so that no race can give one phone to two.
    """

    __tablename__ = "org_customer_identifiers"
    __constraints__ = (
        UniqueConstraint(
            "tenant_org_id", "kind", "value", name="org_customer_identifiers_value_uq"
        ),
        ForeignKeyConstraint(
            ["tenant_org_id", "customer_id"],
            ["org_customers_mst.tenant_org_id", "org_customers_mst.id"],
            name="org_customer_identifiers_customer_fk",
            ondelete="restrict",
        ),
        CheckConstraint("kind in ('phone', 'email')", name="kind"),
        Index("org_customer_identifiers_customer_ix", "tenant_org_id", "customer_id"),
    )

    kind: Mapped[str]
    # Compared byte by byte: phones are looked up by prefix too.
    value: Mapped[str] = mapped_column(Text(collation="C"))
    customer_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
