"""Fields that a tenant defines for its customers, and the values that lists filter by (SPEC 2.5).

The customer's row holds all its values, as JSON by the fields' keys. What can be filtered by lies
here once more, typed: under row-level security no index serves on jsonb or numeric (DESIGN 2.5).
Only living customers have rows here, each with the time by which lists are sorted, so that one
index serves the filter and the order together.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.models import Base, Stamped, TenantOwned

FIELDS = "org_custom_fields"
VALUES = "org_custom_values"


class CustomField(TenantOwned, Stamped, Base):
    """`key`, `kind` and `filterable` are for good: values lie under them."""

    __tablename__ = FIELDS
    __constraints__ = (
        UniqueConstraint("tenant_org_id", "key", name="org_custom_fields_key_uq"),
        CheckConstraint("kind in ('text', 'number', 'date', 'boolean', 'choice')", name="kind"),
    )

    key: Mapped[str]
    label: Mapped[str]
    label2: Mapped[str | None]
    kind: Mapped[str]
    options: Mapped[list[str]] = mapped_column(JSONB)
    required: Mapped[bool]
    filterable: Mapped[bool]
    archived_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(BigInteger, server_default="1")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


def _sorted(kind: str) -> Index:
    column = f"{kind}_value"
    return Index(
        f"org_custom_values_{kind}_ix",
        "tenant_org_id",
        "field_id",
        column,
        "customer_created_at",
        "customer_id",
        postgresql_where=text(f"{column} is not null"),
    )


class CustomValue(TenantOwned, Base):
    """`text_value` is folded, as names are; choices and truth values lie there as well."""

    __tablename__ = VALUES
    __constraints__ = (
        UniqueConstraint(
            "tenant_org_id", "customer_id", "field_id", name="org_custom_values_field_uq"
        ),
        ForeignKeyConstraint(
            ["tenant_org_id", "customer_id"],
            ["org_customers_mst.tenant_org_id", "org_customers_mst.id"],
            name="org_custom_values_customer_fk",
            ondelete="restrict",
        ),
        ForeignKeyConstraint(
            ["tenant_org_id", "field_id"],
            ["org_custom_fields.tenant_org_id", "org_custom_fields.id"],
            name="org_custom_values_field_fk",
            ondelete="restrict",
        ),
        CheckConstraint("num_nonnulls(text_value, number_value, date_value) = 1", name="one"),
        _sorted("text"),
        _sorted("number"),
        _sorted("date"),
    )

    customer_id: Mapped[UUID]
    field_id: Mapped[UUID]
    text_value: Mapped[str | None] = mapped_column(Text(collation="C"))
    number_value: Mapped[float | None] = mapped_column(Double)
    date_value: Mapped[date | None]
    customer_created_at: Mapped[datetime]
