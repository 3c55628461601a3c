"""Staff: accounts over the platform, membership in tenants, teams and sessions (SPEC 1.3)."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from crm_saas.access.errors import NameTaken, WrongCredentials
from crm_saas.access.models import Member, Team
from crm_saas.access.pages import page_after
from crm_saas.access.roles import staff_scope_of
from crm_saas.access.schemas import SessionView, SignedIn
from crm_saas.kit.context import Context
from crm_saas.kit.crypto import KeyRing, encrypt
from crm_saas.kit.db import Database
from crm_saas.kit.emails import InvalidEmail, email_key, parse_email
from crm_saas.kit.errors import NotFound
from crm_saas.kit.events import record
from crm_saas.kit.ids import new_id
from crm_saas.kit.paging import Page, cut_page
from crm_saas.kit.settings import Settings
from crm_saas.kit.tokens import new_token

SESSION_LIFETIME = timedelta(hours=12)

# OWASP's second choice of parameters: 19 MiB, so that two workers survive a burst of log-ins.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _HASHER.hash("a password that nobody has")
# Beside the event loop, which would serve nobody meanwhile; few, for their memory.
_HASHING = ThreadPoolExecutor(4, "password")


def hash_password(password: str) -> str:
    return _HASHER.hash(password)


async def log_in(
    database: Database,
    *,
    email: str,
    password: str,
    address: str | None,
    user_agent: str | None,
    request_id: str,
) -> SignedIn:
    """Raises WrongCredentials, after the same work whether or not the account exists.

    The attempt is counted and committed before the password is looked at, so that parallel
    guesses share one budget and no refusal takes its count back. A job records how it ended.
    """
    claimed, session_id = account_key(email), new_id()
    trace = _trace(database.settings, session_id, address, request_id)
    async with database.transaction(None) as session:
        found = await session.execute(
            text("select * from begin_log_in(:email_key, :address)"),
            {"email_key": claimed, "address": address},
        )
        account = found.one()
    loop = asyncio.get_running_loop()
    matches = await loop.run_in_executor(_HASHING, _matches, account.password_hash, password)
    if not matches or account.locked:
        async with database.transaction(None) as session:
            # While an account rests, nobody fills its tenants' trails.
            await _note(session, claimed, not account.locked, trace | {"opened": False})
        raise WrongCredentials(
            "The e-mail or the password is wrong. After ten wrong attempts an account rests for "
            "fifteen minutes."
        )
    token = new_token("st")
    now = datetime.now(UTC)
    async with database.transaction(None) as session:
        opened = await session.execute(
            text(
                "select * from open_staff_session"
                "(:staff_id, :session_id, :hash, :expires_at, :address, :user_agent)"
            ),
            {
                "staff_id": account.staff_id,
                "session_id": session_id,
                "hash": token.hash,
                "expires_at": now + SESSION_LIFETIME,
                "address": address,
                "user_agent": (user_agent or "")[:300] or None,
            },
        )
        row = opened.one()
        await _note(session, claimed, True, trace | {"opened": True})
    return SignedIn(
        token=token.text,
        expires_at=now + SESSION_LIFETIME,
        staff_id=account.staff_id,
        name=row.staff_name,
        tenants=list(row.tenant_slugs),
    )


def account_key(email: str) -> str:
    """As the account was made; what is no address has none, and is counted all the same."""
    try:
        return email_key(parse_email(email))
    except InvalidEmail:
        return email_key(email.strip())


def _trace(
    settings: Settings, session_id: UUID, address: str | None, request_id: str
) -> dict[str, object]:
    """What the job needs to know; the address sealed, since the queue holds no personal data."""
    ring, aad = KeyRing.from_settings(settings), address_aad(session_id)
    sealed = encrypt(ring, address.encode(), aad).hex() if address else None
    return {"session_id": session_id, "request_id": request_id, "sealed_address": sealed}


def address_aad(session_id: UUID) -> bytes:
    return b"access.note_log_in" + session_id.bytes


async def _note(
    session: AsyncSession, claimed: str, recorded: bool, arguments: dict[str, object]
) -> None:
    await session.execute(
        text("select note_log_in(:email_key, :recorded, cast(:arguments as jsonb))"),
        {
            "email_key": claimed,
            "recorded": recorded,
            "arguments": msgspec.json.encode(arguments).decode(),
        },
    )


def _matches(password_hash: str | None, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash or _NOBODY, password) and password_hash is not None
    except (Argon2Error, InvalidHashError):
        return False


async def list_sessions(context: Context) -> list[SessionView]:
    rows = await context.session.execute(
        text("select * from list_staff_sessions(:staff_id)"), {"staff_id": context.actor.id}
    )
    return [
        SessionView(
            id=row.id,
            created_at=row.created_at,
            expires_at=row.expires_at,
            address=row.address,
            user_agent=row.user_agent,
            current=row.id == context.actor.session_id,
        )
        for row in rows
    ]


async def revoke_session(context: Context, *, session_id: UUID) -> None:
    """Ends one of the caller's own sessions. Raises NotFound."""
    revoked = await context.session.scalar(
        text("select revoke_staff_session(:staff_id, :session_id)"),
        {"staff_id": context.actor.id, "session_id": session_id},
    )
    if not revoked:
        raise NotFound("You have no open session with this id.")
    await record(
        context,
        "session.revoked",
        subject=("sys_staff_sessions", session_id),
        after={"revoked": True},
    )


async def add_member(
    context: Context, *, staff_id: UUID, email: str, name: str, role: str, team_id: UUID | None
) -> Member:
    member = Member(
        tenant_org_id=context.tenant.id,
        id=new_id(),
        staff_id=staff_id,
        name=name,
        email=email,
        role=role,
        staff_scope=staff_scope_of(role),
        team_id=team_id,
    )
    context.session.add(member)
    await context.session.flush()
    await record(
        context,
        "member.added",
        subject=("org_members", member.id),
        after={"name": name, "email": email, "role": role, "teamId": team_id},
    )
    return member


async def list_members(context: Context, *, limit: int, cursor: str | None) -> Page[Member]:
    query = select(Member).where(Member.tenant_org_id == context.tenant.id)
    query = page_after(context, query, {"list": "staff"}, Member.id, limit=limit, cursor=cursor)
    rows = await context.session.scalars(query)
    return cut_page(context, {"list": "staff"}, rows, limit, lambda member: [member.id])


async def create_team(context: Context, *, name: str) -> Team:
    team = Team(tenant_org_id=context.tenant.id, id=new_id(), name=name)
    try:
        async with context.session.begin_nested():
            context.session.add(team)
    except IntegrityError as error:
        raise NameTaken("A team of this name exists.") from error
    await record(context, "team.created", subject=("org_teams", team.id), after={"name": name})
    return team


async def list_teams(context: Context, *, limit: int, cursor: str | None) -> Page[Team]:
    query = select(Team).where(Team.tenant_org_id == context.tenant.id)
    query = page_after(context, query, {"list": "teams"}, Team.id, limit=limit, cursor=cursor)
    rows = await context.session.scalars(query)
    return cut_page(context, {"list": "teams"}, rows, limit, lambda team: [team.id])
