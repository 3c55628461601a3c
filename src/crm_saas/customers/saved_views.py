"""Saved views: a filter and an order under a name, one's own or shared (SPEC 6.2)."""

from typing import Any
from uuid import UUID

import msgspec
from msgspec import structs
from sqlalchemy import BigInteger, UniqueConstraint, delete, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from crm_saas.access.errors import NameTaken
from crm_saas.custom.queries import load_fields
from crm_saas.customers.errors import TooManyViews
from crm_saas.customers.filters import API_NAMES, CustomerFilter, CustomerQuery, conditions
from crm_saas.customers.saved_view_schemas import VIEWS_MAX, PatchView, SaveView
from crm_saas.kit.context import Context
from crm_saas.kit.errors import Forbidden, InvalidInput, NotFound
from crm_saas.kit.etags import require_match
from crm_saas.kit.events import changed, plain, record
from crm_saas.kit.ids import new_id
from crm_saas.kit.locks import take_turn
from crm_saas.kit.models import Base, Stamped, TenantOwned
from crm_saas.kit.problems import within
from crm_saas.kit.schemas import provided
from crm_saas.kit.texts import tidy_line

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
    columns: Mapped[list[str]] = mapped_column(JSONB)
    version: Mapped[int] = mapped_column(BigInteger, server_default="1")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    @property
    def wanted(self) -> CustomerFilter:
        return msgspec.convert(self.filter, CustomerFilter, strict=False)


async def apply_view(
    context: Context, wanted: CustomerQuery, sort: str | None, view_id: UUID | None
) -> tuple[CustomerQuery, str | None]:
    """What a list is asked for by a view; what was sent along wins. Raises NotFound."""
    if view_id is not None:
        view = await access_view(context, view_id)
        both = view.wanted.asked() | wanted.asked()
        if view.wanted.custom and wanted.custom:
            both["custom"] = view.wanted.custom | wanted.custom
        wanted = CustomerQuery(**both)
        if not wanted.search:  # which has an order of its own
            sort = sort or view.sort
    if wanted.custom:
        await load_fields(context)
    return wanted, sort


async def save_view(context: Context, sent: SaveView) -> SavedView:
    """Raises InvalidInput, Forbidden, NameTaken, TooManyViews."""
    if sent.shared:
        context.actor.require("views:share")
    columns = await _read(context, structs.asdict(sent))
    await take_turn(context, "views", str(_owner(context)))
    present = [view for view in await list_views(context) if is_own(context, view)]
    if len(present) >= VIEWS_MAX:
        raise TooManyViews(f"You have {VIEWS_MAX} of them. Delete one that is not used.")
    _refuse_name(present, columns["name"])
    view = SavedView(
        tenant_org_id=context.tenant.id,
        id=new_id(),
        owner_kind=context.actor.kind,
        owner_id=_owner(context),
        **columns,
    )
    context.session.add(view)
    await context.session.flush()
    await context.session.refresh(view)
    await record(context, "view.saved", subject=(TABLE, view.id), after=columns)
    return view


async def change_view(
    context: Context, view_id: UUID, sent: PatchView, *, if_match: str | None
) -> SavedView:
    """Raises NotFound, Forbidden, InvalidInput, NameTaken, PreconditionFailed."""
    view = await access_view(context, view_id, to_change=True)
    require_match(view, if_match)
    if sent.shared is True:
        context.actor.require("views:share")
    columns = await _read(context, provided(sent))
    before, after = changed({name: getattr(view, name) for name in columns}, columns)
    if "name" in after:
        await take_turn(context, "views", str(view.owner_id))
        others = [v for v in await list_views(context) if v.owner_id == view.owner_id]
        _refuse_name(others, after["name"])
    if not after:
        return view
    for name, value in after.items():
        setattr(view, name, value)
    await context.session.flush()
    await context.session.refresh(view)
    await record(context, "view.changed", subject=(TABLE, view.id), before=before, after=after)
    return view


async def remove_view(context: Context, view_id: UUID) -> None:
    """Raises NotFound, Forbidden."""
    view = await access_view(context, view_id, to_change=True)
    await context.session.execute(
        delete(SavedView).where(
            SavedView.tenant_org_id == context.tenant.id, SavedView.id == view.id
        )
    )
    await record(context, "view.removed", subject=(TABLE, view.id), before={"name": view.name})


async def _read(context: Context, sent: dict[str, Any]) -> dict[str, Any]:
    """Columns, checked as the list's own query is. Raises InvalidInput."""
    columns = dict(sent)
    if "name" in columns:
        try:
            columns["name"] = tidy_line(columns["name"])
        except ValueError as error:
            raise InvalidInput.of("name", str(error)) from error
    if "filter" in columns:
        wanted: CustomerFilter = columns["filter"]
        if wanted.custom:
            await load_fields(context)
        with within("filter"):
            conditions(context, wanted)
        asked = plain(wanted.asked()) or {}
        columns["filter"] = {API_NAMES[name]: value for name, value in asked.items()}
    return columns


async def list_views(context: Context) -> list[SavedView]:
    """One's own, and those that are shared."""
    rows = await context.session.scalars(
        select(SavedView)
        .where(
            SavedView.tenant_org_id == context.tenant.id,
            SavedView.shared | (SavedView.owner_id == _owner(context)),
        )
        .order_by(SavedView.name, SavedView.id)
    )
    return list(rows)


async def access_view(context: Context, view_id: UUID, *, to_change: bool = False) -> SavedView:
    """Raises NotFound alike for another tenant's and another's own, Forbidden for a shared one
    that somebody else is to change."""
    query = select(SavedView).where(
        SavedView.tenant_org_id == context.tenant.id,
        SavedView.id == view_id,
        SavedView.shared | (SavedView.owner_id == _owner(context)),
    )
    view = await context.session.scalar(query.with_for_update() if to_change else query)
    if view is None:
        raise NotFound("You have no view with this id, and none is shared with you.")
    if to_change and not is_own(context, view) and not context.actor.may("views:share"):
        raise Forbidden("It is somebody else's. Save one of your own.")
    return view


def is_own(context: Context, view: SavedView) -> bool:
    return view.owner_id == _owner(context)


def _owner(context: Context) -> UUID:
    owner = context.actor.member_id or context.actor.id
    if owner is None:
        raise Forbidden("Who asks is nobody that could have views.")
    return owner


def _refuse_name(views: list[SavedView], name: str) -> None:
    if any(view.name == name for view in views):
        raise NameTaken("You have a view with this name. Choose another name.")
