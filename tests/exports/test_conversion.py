"""Workbooks and PDFs take turns, and a turn is over before its file is read."""

import asyncio
import os
from collections.abc import AsyncIterator

from crm_saas.customers.filters import CustomerFilter
from crm_saas.exports.conversion import AT_ONCE, READ_BYTES, converted
from crm_saas.exports.heads import Sheet
from crm_saas.exports.service import open_export
from crm_saas.kit.db import Database
from crm_saas.tenancy.registry import job_context
from exports.making import Shop
from factories.customers import create_stub

HEAD = Sheet(names=["a"], kinds=["text"], title="t")


async def noise() -> AsyncIterator[bytes]:
    """Of which a workbook is no smaller."""
    for _ in range(4 * READ_BYTES // 1000):
        yield os.urandom(500).hex().encode() + b"\n"


def test_who_reads_slowly_keeps_nobody_waiting() -> None:
    async def read_slowly_and_ask() -> None:
        slow = [converted(noise(), HEAD, "sheets") for _ in range(AT_ONCE["sheets"])]
        for reader in slow:
            assert len(await anext(reader)) == READ_BYTES
        third = converted(noise(), HEAD, "sheets")
        assert await asyncio.wait_for(anext(third), 20)
        for reader in (*slow, third):
            await reader.aclose()

    asyncio.run(read_slowly_and_ask())


def test_no_transaction_is_open_while_a_workbook_is_made(shop: Shop) -> None:
    create_stub(shop.client)

    async def ask() -> bool:
        database = Database(shop.tenant.server.settings)
        try:
            async with job_context(database, shop.tenant.id, "test") as context:
                chunks = await open_export(
                    context, CustomerFilter(), "xlsx", let_go=context.session.commit
                )
                idle = not context.session.in_transaction()
                assert b"".join([chunk async for chunk in chunks])[:2] == b"PK"
                return idle
        finally:
            await database.close()

    assert asyncio.run(ask())
