"""The operator's verbs behind the command line, run as `crm_platform` within one tenant each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from jsonschema import Draft202012Validator, SchemaError
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from crm_saas.access import keys, staff
from crm_saas.access.models import Member, Staff, StaffTenant, Team
from crm_saas.access.schemas import KeyView, MemberView, NewKeyView
from crm_saas.access.views import view_key, view_member, view_new_key
from crm_saas.customers.preferences import unresolved_reference
from crm_saas.kit.context import Context
from crm_saas.kit.db import Database
from crm_saas.kit.emails import InvalidEmail, email_key, parse_email
from crm_saas.kit.errors import InvalidInput, NotFound
from crm_saas.kit.ids import new_id
from crm_saas.kit.paging import LIMIT_MAX
from crm_saas.kit.settings import Settings
from crm_saas.tenancy import registry
from crm_saas.tenancy.models import TenantRow

PASSWORD_LENGTH_MIN = 10


class TenantView(msgspec.Struct, rename="camel"):
    id: UUID
    slug: str
    name: str
    name2: str | None
    status: str


@asynccontextmanager
async def platform(settings: Settings, *, loan_seconds_max: float = 900) -> AsyncIterator[Database]:
    database = Database(settings, "crm_platform", loan_seconds_max=loan_seconds_max)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def within(settings: Settings, tenant: str) -> AsyncIterator[Context]:
    """One transaction of the operator within a tenant. Raises NotFound."""
    async with (
        platform(settings) as database,
        registry.operator_context(database, slug=tenant) as context,
    ):
        yield context


async def create_tenant(settings: Settings, **fields: Any) -> TenantView:
    async with platform(settings) as database:
        return _tenant(await registry.create_tenant(database, **fields))


async def list_tenants(settings: Settings) -> list[TenantView]:
    async with platform(settings) as database:
        return [_tenant(row) for row in await registry.list_tenants(database)]


async def set_tenant_status(settings: Settings, slug: str, status: str) -> TenantView:
    async with platform(settings) as database:
        return _tenant(await registry.set_tenant_status(database, slug=slug, status=status))


async def configure_tenant(settings: Settings, **changes: Any) -> TenantView:
    async with platform(settings) as database:
        return _tenant(await registry.configure_tenant(database, **changes))


def read_json_schema(content: bytes) -> dict[str, Any]:
    """Raises InvalidInput for what is no JSON Schema (2020-12), or not whole by itself."""
    try:
        schema: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
        Draft202012Validator.check_schema(schema)
    except (msgspec.MsgspecError, SchemaError) as error:
        raise InvalidInput.of("preferences-schema", f"is no JSON Schema: {error}") from error
    if (place := unresolved_reference(schema)) is not None:
        raise InvalidInput.of("preferences-schema", f"must hold what it refers to: {place[:200]}")
    return schema


async def create_key(
    settings: Settings,
    *,
    tenant: str,
    role: str,
    name: str,
    scopes: list[str] | None = None,
    team: str | None = None,
    member: str | None = None,
    expires_at: datetime | None = None,
) -> NewKeyView:
    async with within(settings, tenant) as context:
        key, token = await keys.create_key(
            context,
            name=name,
            role=role,
            scopes=scopes,
            team_id=(await _team(context, team)).id if team else None,
            member_id=(await _member(context, member)).id if member else None,
            expires_at=expires_at.replace(tzinfo=UTC) if expires_at else None,
        )
        return view_new_key(key, token)


async def list_keys(settings: Settings, *, tenant: str) -> list[KeyView]:
    """All of them, however many pages they fill."""
    listed: list[KeyView] = []
    cursor: str | None = None
    async with within(settings, tenant) as context:
        while True:
            page = await keys.list_keys(context, limit=LIMIT_MAX, cursor=cursor)
            listed += [view_key(*row) for row in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                return listed


async def rotate_key(
    settings: Settings, *, tenant: str, key_id: UUID, overlap_seconds: int
) -> NewKeyView:
    async with within(settings, tenant) as context:
        rotated = await keys.rotate_key(context, key_id=key_id, overlap_seconds=overlap_seconds)
        return view_new_key(*rotated)


async def revoke_key(settings: Settings, *, tenant: str, key_id: UUID) -> KeyView:
    async with within(settings, tenant) as context:
        return view_key(await keys.revoke_key(context, key_id=key_id))


async def add_staff(
    settings: Settings,
    *,
    tenant: str,
    email: str,
    name: str,
    role: str,
    team: str | None,
    password: str,
) -> MemberView:
    """An account is one a person over the platform: a known e-mail gets a membership only."""
    if len(password) < PASSWORD_LENGTH_MIN:
        raise InvalidInput.of("password", f"must have {PASSWORD_LENGTH_MIN} characters at least")
    try:
        email = parse_email(email)
    except InvalidEmail as error:
        raise InvalidInput.of("email", str(error)) from error
    async with within(settings, tenant) as context:
        staff_id = await _account(context, email=email, name=name, password=password)
        await context.session.execute(
            insert(StaffTenant)
            .values(staff_id=staff_id, tenant_org_id=context.tenant.id)
            .on_conflict_do_nothing()
        )
        team_row = await _team_or_new(context, team) if team else None
        member = await staff.add_member(
            context,
            staff_id=staff_id,
            email=email,
            name=name,
            role=role,
            team_id=team_row.id if team_row else None,
        )
        return view_member(member)


async def _account(context: Context, *, email: str, name: str, password: str) -> UUID:
    found = await context.session.scalar(
        select(Staff.id).where(Staff.email_key == email_key(email))
    )
    if found is not None:
        return found
    account = Staff(
        id=new_id(),
        email=email,
        email_key=email_key(email),
        name=name,
        password_hash=staff.hash_password(password),
    )
    context.session.add(account)
    await context.session.flush()
    return account.id


async def _team_or_new(context: Context, name: str) -> Team:
    try:
        return await _team(context, name)
    except NotFound:
        return await staff.create_team(context, name=name)


async def _team(context: Context, name: str) -> Team:
    team = await context.session.scalar(
        select(Team).where(Team.tenant_org_id == context.tenant.id, Team.name == name)
    )
    if team is None:
        raise NotFound(f"The tenant has no team named {name!r}.")
    return team


async def _member(context: Context, email: str) -> Member:
    member = await context.session.scalar(
        select(Member)
        .join(Staff, Staff.id == Member.staff_id)
        .where(
            Member.tenant_org_id == context.tenant.id,
            Staff.email_key == staff.account_key(email),
        )
    )
    if member is None:
        raise NotFound(f"The tenant has no member of staff with the e-mail {email!r}.")
    return member


def _tenant(row: TenantRow) -> TenantView:
    return TenantView(row.id, row.slug, row.name, row.name2, row.status)
