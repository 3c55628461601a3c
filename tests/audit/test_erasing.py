"""A person leaves the trail, and it still holds."""

import asyncio
from uuid import uuid4

import pytest

from crm_saas import operator
from crm_saas.audit.erasing import erase_from_trail
from crm_saas.kit.settings import Settings
from factories.database import as_role, rows
from factories.trails import job, make_trail, record_events, report, seal


def test_a_person_is_erased_and_the_trail_still_holds(settings: Settings) -> None:
    shop, amal, other = make_trail(settings, "shop", events=2), uuid4(), uuid4()
    asyncio.run(record_events(settings, "shop", 3, customer_id=amal))
    asyncio.run(record_events(settings, "shop", 2, customer_id=other))
    asyncio.run(seal(settings, shop))
    asyncio.run(record_events(settings, "shop", 1, customer_id=amal))  # not yet sealed

    async def erase() -> int:
        async with operator.within(settings, "shop") as context:
            return await erase_from_trail(context, customer_id=amal)

    assert asyncio.run(erase()) == 4
    left = rows(
        settings,
        "select kind, before is null, after, salt is null from org_events where customer_id = %s"
        " order by created_at, id",
        amal,
    )
    assert left == [
        *[("customer.changed", True, None, True)] * 4,
        ("customer.trail_erased", False, {"events": 4}, False),
    ]
    asyncio.run(seal(settings, shop))
    found = report(settings, shop)
    assert (found.sealed, found.erased, found.faults) == (10, 4, [])
    assert rows(
        settings, "select count(*) from org_events where customer_id = %s and salt is null", other
    ) == [(0,)]

    with as_role(settings) as platform:  # an erasure nobody has recorded
        platform.execute(
            "update org_events set before = null, after = null, salt = null where customer_id = %s",
            [other],
        )
    assert [fault.what.partition(" are ")[2] for fault in report(settings, shop).faults] == [
        "gone without a record of an erasure"
    ] * 2


def test_an_erasure_speaks_for_no_later_event(settings: Settings) -> None:
    shop, amal = make_trail(settings, "shop", events=1), uuid4()

    async def erase() -> int:
        async with operator.within(settings, "shop") as context:
            return await erase_from_trail(context, customer_id=amal)

    asyncio.run(erase())
    with as_role(settings) as platform:
        platform.execute(
            "update org_events set created_at = now() - interval '1 day' where customer_id = %s",
            [amal],
        )
    asyncio.run(record_events(settings, "shop", 1, customer_id=amal))
    asyncio.run(seal(settings, shop))
    with as_role(settings) as platform:
        platform.execute(
            "update org_events set before = null, after = null, salt = null"
            " where customer_id = %s and kind = 'customer.changed'",
            [amal],
        )
    [fault] = report(settings, shop).faults
    assert fault.what.endswith("are gone without a record of an erasure")


def test_the_application_cannot_erase(settings: Settings) -> None:
    shop, amal = make_trail(settings, "shop", events=1), uuid4()
    asyncio.run(record_events(settings, "shop", 1, customer_id=amal))

    async def erase() -> None:
        async with job(settings, shop) as context:
            await erase_from_trail(context, customer_id=amal)

    with pytest.raises(Exception, match="permission denied"):
        asyncio.run(erase())
    assert rows(
        settings, "select count(*) from org_events where customer_id = %s and salt is null", amal
    ) == [(0,)]
