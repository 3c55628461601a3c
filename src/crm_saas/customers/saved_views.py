"""Saved views: a filter and an order under a name, one's own or shared (SPEC 6.2)."""

from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.models import Base, Stamped, TenantOwned

TABLE = "org_saved_views"


class SavedView(TenantOwned, Stamped, Base):
    """`owner_id` is a member of staff, or the key that acts for none."""

    __tablename__ = TABLE
    __constraints__ = (
        UniqueConstraint("tenant_org_id", "owner_id", "name", name="org_saved_views_name_uq"),
    )

    name: Mapped[str]
    owner_kind: Mapped[str]
    owner_id: Mapped[UUID]
    shared: Mapped[bool]
    filter: Mapped[dict[str, Any]]
    sort: Mapped[str | None]
    columns: Mapped[list[str]] = mapped_column(JSON().with_variant(JSONB(), "postgresql"))
    version: Mapped[int] = mapped_column(BigInteger, server_default="1")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012
