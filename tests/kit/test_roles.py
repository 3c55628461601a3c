"""Which role a process works as, and that it will not work as another."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from crm_saas.kit.db import Database, Scope
from crm_saas.kit.guard import UnsafeDatabase, refuse_unsafe_role
from crm_saas.kit.settings import Role, Settings


async def asked(settings: Settings, role: Role, query: str) -> object:
    database = Database(settings, role)
    try:
        async with database.transaction(None) as session:
            return await session.scalar(text(query))
    finally:
        await database.close()


@pytest.mark.parametrize("role", ["crm_app", "crm_platform", "crm_dump"])
def test_a_process_works_as_the_role_that_it_names(role: Role, shared_settings: Settings) -> None:
    assert asyncio.run(asked(shared_settings, role, "select current_user")) == role


def test_nothing_is_served_as_the_owner(shared_settings: Settings) -> None:
    async def check() -> None:
        owners = replace(shared_settings, role_urls={"crm_app": shared_settings.database_url})
        database = Database(owners)
        try:
            await refuse_unsafe_role(database)
        finally:
            await database.close()

    with pytest.raises(UnsafeDatabase, match="owns tables"):
        asyncio.run(check())


def test_a_scope_ends_with_its_transaction(shared_settings: Settings) -> None:
    """One connection, as the next request borrows it."""

    async def twice() -> object:
        database = Database(replace(shared_settings, pool_size=1))
        try:
            async with database.transaction(Scope(uuid4())) as session:
                await session.execute(text("select current_tenant()"))
            async with database.transaction(None) as session:
                return await session.scalar(
                    text("select current_setting('app.tenant_org_id', true)")
                )
        finally:
            await database.close()

    assert asyncio.run(twice()) == ""
