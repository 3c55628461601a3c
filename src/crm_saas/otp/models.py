"""Challenges and budgets. Both are closed to every role but the owner: the application reaches
them through the functions `sql/functions/otp_*.sql`, which answer for one tenant."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.kit.models import Base
from crm_saas.otp.purposes import CHANNELS, PURPOSES

DELIVERY_STATES = (
    "waiting",  # for a worker
    "sending",  # a worker called the provider; stays so if it died then
    "unknown",  # the provider did not answer: it may be on its way
    "queued",  # at the provider
    "sent",
    "undelivered",
    "failed",
    "delivered",
)


def _one_of(column: str, words: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} in ({listed})", name=column)


class OtpChallenge(Base):
    """One phone's challenge for one tenant and purpose. No code in it: codes are derived.

    The keyed hash of the phone comes first in the key, since Citus distributes by it.
    """

    __tablename__ = "sys_otp_codes"
    __table_args__ = (
        # One unverified challenge each: where parallel sendings meet.
        Index(
            "sys_otp_codes_open_uq",
            "phone_hash",
            "tenant_org_id",
            "purpose",
            unique=True,
            postgresql_where=text("verified_at is null"),
        ),
        Index("sys_otp_codes_expires_ix", "expires_at"),
        _one_of("purpose", PURPOSES),
        _one_of("channel", CHANNELS),
        _one_of("locale", ("en", "ar")),
        _one_of("delivery_state", DELIVERY_STATES),
        CheckConstraint("attempts between 0 and 3", name="attempts"),
        CheckConstraint("consumed_at is null or verified_at is not null", name="consumed"),
    )

    phone_hash: Mapped[bytes] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_org_id: Mapped[UUID]
    purpose: Mapped[str]
    phone_sealed: Mapped[bytes]
    channel: Mapped[str]
    locale: Mapped[str]
    key_id: Mapped[int]
    send_counter: Mapped[int]
    attempts: Mapped[int]
    withheld: Mapped[bool]
    """A budget that spans tenants was exhausted: everything as ever, but nothing is sent."""
    delivery_state: Mapped[str]
    provider_id: Mapped[str | None]
    delivery_reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    consumed_at: Mapped[datetime | None]


class OtpBudget(Base):
    """Uses of one subject (phone, network, prefix, tenant; hashed) within one window."""

    __tablename__ = "sys_otp_budgets"
    __table_args__ = (
        CheckConstraint("used >= 0", name="used"),
        Index("sys_otp_budgets_window_ix", "window_start"),
    )

    subject_hash: Mapped[bytes] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    window_start: Mapped[datetime] = mapped_column(primary_key=True)
    used: Mapped[int]
