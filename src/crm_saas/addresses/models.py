"""Where a customer lives, works or wants a delivery (SPEC 4)."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    Double,
    ForeignKeyConstraint,
    Index,
    Numeric,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.models import Base, Stamped, TenantOwned

TABLE = "org_customer_addresses_mst"


class Address(TenantOwned, Stamped, Base):
    """`latitude` and `longitude` are kept digit by digit, as they were sent.

    Radius search compares their `_degrees` twins: numeric operators are not leakproof, so that no
    index on numeric serves under row-level security (DESIGN 2.5).
    """

    __tablename__ = TABLE
    __constraints__ = (
        ForeignKeyConstraint(
            ["tenant_org_id", "customer_id"],
            ["org_customers_mst.tenant_org_id", "org_customers_mst.id"],
            name="org_customer_addresses_mst_customer_fk",
            ondelete="restrict",
        ),
        CheckConstraint("type in ('home', 'work', 'other')", name="type"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
        CheckConstraint("(latitude is null) = (longitude is null)", name="point"),
        CheckConstraint("latitude between -90 and 90", name="latitude"),
        CheckConstraint("longitude between -180 and 180", name="longitude"),
        CheckConstraint(
            "verification_status in ('pending', 'verified', 'rejected')", name="verification"
        ),
        CheckConstraint(
            "(verification_status = 'pending') = (pending_since is not null)", name="pending"
        ),
        CheckConstraint(
            "(verification_status = 'pending') = (verified_at is null)", name="decided"
        ),
        Index(
            "org_customer_addresses_mst_default_uq",
            "tenant_org_id",
            "customer_id",
            unique=True,
            postgresql_where=text("is_default"),
        ),
        Index("org_customer_addresses_mst_customer_ix", "tenant_org_id", "customer_id", "id"),
        Index(
            "org_customer_addresses_mst_point_ix",
            "tenant_org_id",
            "latitude_degrees",
            "longitude_degrees",
        ),
        Index(
            "org_customer_addresses_mst_pending_ix",
            "tenant_org_id",
            "pending_since",
            "id",
            postgresql_where=text("pending_since is not null"),
        ),
    )

    customer_id: Mapped[UUID]
    type: Mapped[str]
    label: Mapped[str | None]
    label2: Mapped[str | None]
    building: Mapped[str | None]
    building2: Mapped[str | None]
    floor: Mapped[str | None]
    apartment: Mapped[str | None]
    street: Mapped[str | None]
    street2: Mapped[str | None]
    area: Mapped[str | None]
    area2: Mapped[str | None]
    city: Mapped[str | None]
    city2: Mapped[str | None]
    postal_code: Mapped[str | None]
    country: Mapped[str]
    delivery_notes: Mapped[str | None]
    latitude: Mapped[Decimal | None] = mapped_column(Numeric)
    longitude: Mapped[Decimal | None] = mapped_column(Numeric)
    latitude_degrees: Mapped[float | None] = mapped_column(
        Double, Computed("latitude::double precision", persisted=True), sort_order=95
    )
    longitude_degrees: Mapped[float | None] = mapped_column(
        Double, Computed("longitude::double precision", persisted=True), sort_order=95
    )
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))

    verification_status: Mapped[str] = mapped_column(server_default="pending")
    pending_since: Mapped[datetime | None]
    verified_by: Mapped[UUID | None]
    verified_by_name: Mapped[str | None]
    verified_at: Mapped[datetime | None]
    verification_notes: Mapped[str | None]
    version: Mapped[int] = mapped_column(BigInteger, server_default="1")

    __mapper_args__ = {"version_id_col": version, "eager_defaults": True}  # noqa: RUF012
