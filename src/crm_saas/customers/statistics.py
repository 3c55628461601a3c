"""How many customers there are, of which kinds, and how they grow (SPEC 6.2).

Counting costs as much as there is to count. So few customers, and those of a narrow scope, are
counted when somebody asks, for as long as somebody at a screen would wait; of a tenant with many, a
job counts and the answer is its last result, with its time (`asOf`), while the next one is on its
way. Until there is a first one, the answer says that nothing is known yet. Counters that every
creation kept up to date would queue the tills behind one row.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Date, cast, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.elements import ColumnElement

from crm_saas.customers.models import LIVING, Customer
from crm_saas.customers.queries import in_scope
from crm_saas.customers.schemas import Growth, GrowthStep, Statistics
from crm_saas.kit.context import Context
from crm_saas.kit.jobs import Job, enqueue
from crm_saas.kit.models import Base, TenantOwned

Step = Literal["day", "week", "month"]
T = TypeVar("T")

# Up to so many are counted at once, within some tens of milliseconds.
COUNTED_AT_ONCE_MAX = 10_000
COUNT_SECONDS_MAX = 50
COUNT_MS_MAX = 2000
# The last result is given until it is so old; then a job makes the next.
FRESH = timedelta(minutes=5)
STEPS_MAX: dict[Step, int] = {"day": 92, "week": 53, "month": 36}
_DAYS_KEPT = 37 * 31
_ONLY = UUID(int=1)
_CANCELLED = "57014"
_UNKNOWN = Statistics(
    as_of=None,
    total=None,
    by_profile_status={},
    by_status={},
    by_customer_type={},
    created_last_7_days=None,
    created_last_30_days=None,
)


class StatisticsRow(TenantOwned, Base):
    """The last result of a tenant; there is one."""

    __tablename__ = "org_customer_statistics"

    counts: Mapped[dict[str, Any] | None]
    days: Mapped[dict[str, Any] | None]
    as_of: Mapped[datetime | None]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())


async def customer_statistics(context: Context) -> Statistics:
    """Of the living customers that the actor sees."""
    if await _counts_at_once(context):
        return await _in_time(context, lambda: _count(context)) or _UNKNOWN
    last = await _last(context)
    if last is None or last.counts is None:
        return _UNKNOWN
    return msgspec.convert(last.counts, Statistics)


async def customer_growth(context: Context, step: Step) -> Growth:
    """New customers by day, week (from Monday) or month of the tenant's time zone, oldest first."""
    starts = _starts(step, _today(context))
    as_of: datetime | None = datetime.now(UTC)
    days: dict[date, int] | None = None
    if await _counts_at_once(context):
        days = await _in_time(context, lambda: _days(context, since=starts[0]))
    elif (last := await _last(context)) is not None and last.days is not None:
        as_of = last.as_of
        days = {date.fromisoformat(day): count for day, count in last.days.items()}
    if days is None:
        return Growth(as_of=None, items=[GrowthStep(start=start, created=None) for start in starts])
    counted = Counter[date]()
    for day, count in days.items():
        counted[_start_of(step, day)] += count
    return Growth(
        as_of=as_of,
        items=[GrowthStep(start=start, created=counted[start]) for start in starts],
    )


async def _in_time(context: Context, count: Callable[[], Awaitable[T]]) -> T | None:
    """None where it takes longer than anybody waits."""
    try:
        async with context.session.begin_nested():
            await context.session.execute(text(f"set local statement_timeout = {COUNT_MS_MAX}"))
            return await count()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _CANCELLED:
            raise
        return None


async def count_again(context: Context) -> None:
    """The job: whoever asks from now on gets this result."""
    await context.session.execute(text(f"set local statement_timeout = '{COUNT_SECONDS_MAX}s'"))
    counts = await _count(context)
    days = await _days(context, since=_today(context) - timedelta(days=_DAYS_KEPT))
    await context.session.execute(
        update(StatisticsRow)
        .where(StatisticsRow.tenant_org_id == context.tenant.id)
        .values(
            counts=msgspec.to_builtins(counts),
            days={day.isoformat(): count for day, count in days.items()},
            as_of=counts.as_of,
        )
    )


async def _counts_at_once(context: Context) -> bool:
    if context.actor.staff_scope != "all":
        return True
    some = select(Customer.id).where(*_living(context)).limit(COUNTED_AT_ONCE_MAX + 1)
    counted = await context.session.scalar(select(func.count()).select_from(some.subquery()))
    return (counted or 0) <= COUNTED_AT_ONCE_MAX


async def _last(context: Context) -> StatisticsRow | None:
    """The last result; one that is old, or none, is asked for anew, once for all who ask."""
    found: StatisticsRow | None = await context.session.scalar(
        select(StatisticsRow).where(StatisticsRow.tenant_org_id == context.tenant.id)
    )
    now = datetime.now(UTC)
    is_fresh = found is not None and found.as_of is not None and found.as_of >= now - FRESH
    if not is_fresh and (found is None or found.asked_at < now - FRESH):
        await _ask(context, now)
    return found


async def _ask(context: Context, now: datetime) -> None:
    """Committed at once: nobody who asks too waits for the end of this request."""
    async with context.aside() as session:
        asked = await session.scalar(
            insert(StatisticsRow)
            .values(tenant_org_id=context.tenant.id, id=_ONLY, asked_at=now)
            .on_conflict_do_update(
                index_elements=[StatisticsRow.tenant_org_id, StatisticsRow.id],
                set_={"asked_at": now},
                where=StatisticsRow.asked_at < now - FRESH,
            )
            .returning(StatisticsRow.id)
        )
        if asked is not None:
            beside = replace(context, session=session)
            await enqueue(beside, "customers.count_again", {}, priority=-5)


async def _count(context: Context) -> Statistics:
    now = datetime.now(UTC)
    rows = await context.session.execute(
        select(
            Customer.profile_status,
            Customer.status,
            Customer.customer_type,
            func.count(),
            func.count().filter(Customer.created_at >= now - timedelta(days=7)),
            func.count().filter(Customer.created_at >= now - timedelta(days=30)),
        )
        .where(*_living(context))
        .group_by(Customer.profile_status, Customer.status, Customer.customer_type)
    )
    groups = [Counter[str](), Counter[str](), Counter[str]()]
    total = last_7_days = last_30_days = 0
    for *words, count, newest, newer in rows:
        for group, word in zip(groups, words, strict=True):
            group[word] += count
        total, last_7_days, last_30_days = (
            total + count, last_7_days + newest, last_30_days + newer,
        )  # fmt: skip
    profiles, statuses, types = (dict(group) for group in groups)
    return Statistics(
        as_of=now,
        total=total,
        by_profile_status=profiles,
        by_status=statuses,
        by_customer_type=types,
        created_last_7_days=last_7_days,
        created_last_30_days=last_30_days,
    )


async def _days(context: Context, *, since: date) -> dict[date, int]:
    """Along the index of creation, no further back than `since`."""
    day = cast(func.timezone(context.tenant.time_zone, Customer.created_at), Date)
    from_time = func.timezone(context.tenant.time_zone, cast(since, Date) + func.make_interval())
    rows = await context.session.execute(
        select(day, func.count())
        .where(*_living(context), Customer.created_at >= from_time)
        .group_by(literal_column("1"))
    )
    return {row[0]: row[1] for row in rows}


def _living(context: Context) -> list[ColumnElement[bool]]:
    living: ColumnElement[bool] = literal_column(f"org_customers_mst.{LIVING}")
    return [Customer.tenant_org_id == context.tenant.id, living, *in_scope(context)]


def _today(context: Context) -> date:
    return datetime.now(ZoneInfo(context.tenant.time_zone)).date()


def _starts(step: Step, today: date) -> list[date]:
    """The beginnings of the last steps, the running one among them."""
    starts = [_start_of(step, today)]
    while len(starts) < STEPS_MAX[step]:
        starts.append(_start_of(step, starts[-1] - timedelta(days=1)))
    return starts[::-1]


def _start_of(step: Step, day: date) -> date:
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


JOBS = (Job(name="customers.count_again", function=count_again),)
