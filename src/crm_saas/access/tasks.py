"""Log-ins: recorded in the trails of the account's tenants, and tidied up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select

from crm_saas.access.models import LogInAttempt, Member, StaffSession
from crm_saas.access.staff import address_aad
from crm_saas.kit.context import Actor, Context
from crm_saas.kit.crypto import KeyRing, decrypt
from crm_saas.kit.db import Database
from crm_saas.kit.events import Event, record
from crm_saas.kit.jobs import Job, PeriodicJob

TABLE = "sys_staff_sessions"
# The window of begin_log_in() is a quarter of an hour.
ATTEMPTS_KEPT = timedelta(hours=1)
SESSIONS_KEPT = timedelta(days=30)


async def note_log_in(
    context: Context,
    staff_id: UUID,
    session_id: UUID,
    opened: bool,
    request_id: str,
    sealed_address: str | None,
) -> None:
    """Records a log-in as `session.opened`, by the member; or as `session.refused`, by nobody.

    `session_id` is of the session that was opened, or would have been.
    """
    tenant_id = context.tenant.id
    member = await context.session.scalar(
        select(Member).where(Member.tenant_org_id == tenant_id, Member.staff_id == staff_id)
    )
    recorded = await context.session.scalar(
        select(Event.id).where(Event.tenant_org_id == tenant_id, Event.subject_id == session_id)
    )
    if member is None or recorded is not None:
        return
    address = None
    if sealed_address is not None:
        ring = KeyRing.from_settings(context.settings)
        sealed = bytes.fromhex(sealed_address)
        address = decrypt(ring, sealed, address_aad(session_id)).decode()
    actor = context.actor
    if opened:
        actor = Actor(kind="staff", id=staff_id, name=member.name, role=member.role)
    await record(
        replace(context, actor=actor, request_id=request_id, address=address),
        "session.opened" if opened else "session.refused",
        subject=(TABLE, session_id),
        after={"memberId": member.id, "name": member.name},
    )


async def clean_up(platform: Database) -> None:
    now, attempt, ended = datetime.now(UTC), LogInAttempt, StaffSession
    ended_at = func.least(ended.expires_at, ended.revoked_at)  # of a null and a time: the time
    async with platform.transaction(None) as session:
        await session.execute(
            delete(attempt).where(attempt.window_started_at < now - ATTEMPTS_KEPT)
        )
        await session.execute(delete(ended).where(ended_at < now - SESSIONS_KEPT))


JOBS = (Job(name="access.note_log_in", function=note_log_in),)
PERIODIC_JOBS = (PeriodicJob(name="access.clean_up", cron="23 * * * *", function=clean_up),)
