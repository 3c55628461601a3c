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

# As it stands in indexes: a query has to say it in these words for the planner to use them.
LIVING = "status not in ('merged', 'erased')"
_LIVING = text(LIVING)


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


def _listed(name: str, *columns: str, where: str | None = None) -> Index:
    """What a list walks; partial where few have a value, so that the others cost nothing."""
    return Index(
        f"org_customers_mst_{name}_ix",
        "tenant_org_id",
        *columns,
        postgresql_where=None if where is None else text(where),
    )


def _listed_where_set(name: str, column: str, order: str) -> Index:
    return _listed(name, column, order, "id", where=f"{column} is not null and {LIVING}")


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
        _listed("created", "created_at", "id", where=LIVING),
        _listed("updated", "updated_at", "id", where=LIVING),
        _listed("sequence", "customer_seq", "id"),
        _listed("name", "name_norm", "id"),
        _listed("name2", "name2_norm", "id", where="name2_norm is not null"),
        _listed("skeleton", "name_skeleton", "id"),
        _listed("skeleton2", "name2_skeleton", "id", where="name2_skeleton is not null"),
        _listed("phone_rev", "phone_rev", "id"),
        _listed("email", "email_norm", "id", where="email_norm is not null"),
        _listed("number", "number_norm", "id"),
        _listed("external", "external_id", where="external_id is not null"),
        _listed("merged", "merged_into", where="merged_into is not null"),
        _listed("status", "status", "created_at", "id"),
        _listed("profile", "profile_status", "created_at", "id", where=LIVING),
        _listed("lifecycle", "lifecycle", "created_at", "id", where=LIVING),
        _listed("stage", "journey_stage", "created_at", "id", where=LIVING),
        _listed(
            "business",
            "customer_type",
            "created_at",
            "id",
            where=f"customer_type = 'business' and {LIVING}",
        ),
        _listed_where_set("company", "company_name", "created_at"),
        _listed_where_set("birth", "date_of_birth", "created_at"),
        _listed_where_set("assigned_name", "assigned_to", "name_norm"),
        _listed_where_set("team_name", "team_id", "name_norm"),
        # Of the merged too: they find what refers to a member or a team that is deleted.
        _listed("assigned", "assigned_to", "created_at", "id", where="assigned_to is not null"),
        _listed("team", "team_id", "created_at", "id", where="team_id is not null"),
        _listed("expires", "expires_at", "id", where="expires_at is not null"),
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
    custom_fields: Mapped[dict[str, Any]] = mapped_column(server_default="{}")

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

    # The customer's id in the business's other system. Unique by its claim (Identifier).
    external_id: Mapped[str | None] = mapped_column(Text(collation="C"))
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
    """A phone, e-mail or external id that finds a customer: its own, or an alias from a merge.

    One unique constraint over all kinds of claim, so that no race can give one phone to two.
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
        CheckConstraint("kind in ('phone', 'email', 'external')", name="kind"),
        Index("org_customer_identifiers_customer_ix", "tenant_org_id", "customer_id"),
    )

    kind: Mapped[str]
    # Compared byte by byte: phones are looked up by prefix too.
    value: Mapped[str] = mapped_column(Text(collation="C"))
    customer_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
