"""The seals of the trail, and the head of each tenant's chain of them."""

from datetime import datetime

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.models import Base, TenantOwned


class Seal(TenantOwned, Base):
    """One event's place in its tenant's chain, written once; its id is the event's own.

    `digest` covers the previous digest and the event (audit/chain.py). `tag` is a MAC over the
    digest, so that whoever recomputes digests is found at the first that they touched.
    """

    __tablename__ = "org_audit_seals"
    __constraints__ = (
        UniqueConstraint("tenant_org_id", "position", name="org_audit_seals_position_uq"),
    )

    position: Mapped[int] = mapped_column(BigInteger)
    """Counts from 1 without gaps."""
    format: Mapped[int]
    digest: Mapped[bytes]
    key_version: Mapped[int] = mapped_column(BigInteger)
    tag: Mapped[bytes]
    sealed_at: Mapped[datetime]


class Head(TenantOwned, Base):
    """Where a tenant's chain ends, one row a tenant, whose id is the tenant's.

    It finds a tail that was cut off. It is the lock that sealing takes: no writer of events does.
    """

    __tablename__ = "org_audit_heads"

    position: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[bytes]
    sealed_through: Mapped[datetime]
    """Every event that was visible then is sealed."""
    key_version: Mapped[int] = mapped_column(BigInteger)
    mac: Mapped[bytes]
