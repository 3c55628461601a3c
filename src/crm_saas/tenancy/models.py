"""The registry of tenants (SPEC 1.1) and their number counters."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.ids import new_id
from crm_saas.kit.models import Base, Stamped, TenantOwned


class TenantRow(Stamped, Base):
    """One business. Closed to the application's role, which asks `tenant_settings()` instead."""

    __tablename__ = "sys_tenants_mst"
    __table_args__ = (
        CheckConstraint("status in ('active', 'suspended', 'closing')", name="status"),
        CheckConstraint("slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'", name="slug"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name2: Mapped[str | None]
    default_region: Mapped[str] = mapped_column(server_default="OM")
    default_locale: Mapped[str] = mapped_column(server_default="en")
    currency: Mapped[str] = mapped_column(server_default="OMR")
    time_zone: Mapped[str] = mapped_column(server_default="Asia/Muscat")
    branding: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    policies: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    status: Mapped[str] = mapped_column(server_default="active")


class NumberCounter(TenantOwned, Base):
    """The last number of one series; taken by `take_numbers()` only."""

    __tablename__ = "org_number_counters"
    __constraints__ = (
        UniqueConstraint("tenant_org_id", "series", name="org_number_counters_series_uq"),
        CheckConstraint("width between 1 and 18", name="width"),
    )

    series: Mapped[str]
    prefix: Mapped[str]
    width: Mapped[int]
    last_value: Mapped[int] = mapped_column(BigInteger, server_default="0")
