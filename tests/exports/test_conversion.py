"""Workbooks and PDFs take turns, and a turn is over before its file is read."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from uuid import UUID, uuid4

import pytest

from crm_saas.customers.filters import CustomerFilter
from crm_saas.exports.columns import Format
from crm_saas.exports.conversion import AT_ONCE, READ_BYTES, Program, converted
from crm_saas.exports.heads import Pages, Sheet
from crm_saas.exports.service import open_export
from crm_saas.kit.db import Database
from crm_saas.tenancy.registry import job_context
from exports.making import Shop
from factories.customers import create_stub

HEADS = {
    "sheets": Sheet(names=["a"], kinds=["text"], title="t"),
    "pages": Pages(
        names=["a"],
        kinds=["text"],
        widths=[1],
        title="t",
        tenant="T",
        tenant2="",
        lines=[],
        page="p",
    ),
}


async def few() -> AsyncIterator[bytes]:
    yield b"x\n"


async def noise() -> AsyncIterator[bytes]:
    """Of which a workbook is no smaller."""
    for _ in range(4 * READ_BYTES // 1000):
        yield os.urandom(500).hex().encode() + b"\n"


def made(
    rows: AsyncIterator[bytes], program: Program = "sheets", tenant_id: UUID | None = None
) -> AsyncGenerator[bytes, None]:
    return converted(rows, HEADS[program], program, tenant_id=tenant_id or uuid4())


@pytest.mark.parametrize("program", AT_ONCE)
def test_one_tenant_has_half_of_the_turns(program: Program) -> None:
    """Where there is but one, the others wait for one file of it and no more."""

    async def ask_for_many() -> None:
        greedy, has_turn = uuid4(), asyncio.Event()

        async def nothing_yet() -> AsyncIterator[bytes]:
            has_turn.set()
            await asyncio.Event().wait()
            yield b""

        many = [asyncio.ensure_future(anext(made(nothing_yet(), program, greedy))) for _ in "abcd"]
        await asyncio.wait_for(has_turn.wait(), 20)
        other = asyncio.ensure_future(anext(made(few(), program)))
        if AT_ONCE[program] == 1:
            many[0].cancel()
        assert await asyncio.wait_for(other, 20)
        for each in many:
            each.cancel()
        await asyncio.gather(*many, return_exceptions=True)

    asyncio.run(ask_for_many())


def test_who_reads_slowly_keeps_nobody_waiting() -> None:
    async def read_slowly_and_ask() -> None:
        slow = [made(noise()) for _ in range(AT_ONCE["sheets"])]
        for reader in slow:
            assert len(await anext(reader)) == READ_BYTES
        third = made(noise())
        assert await asyncio.wait_for(anext(third), 20)
        for reader in (*slow, third):
            await reader.aclose()

    asyncio.run(read_slowly_and_ask())


@pytest.mark.parametrize(("file_format", "beginning"), [("csv", b"id"), ("xlsx", b"PK")])
def test_no_transaction_is_open_while_a_file_begins(
    shop: Shop, file_format: Format, beginning: bytes
) -> None:
    create_stub(shop.client)

    async def ask() -> bool:
        database = Database(shop.tenant.server.settings)
        try:
            async with job_context(database, shop.tenant.id, "test") as context:
                chunks = await open_export(
                    context, CustomerFilter(), file_format, let_go=context.session.commit
                )
                idle = not context.session.in_transaction()
                assert b"".join([chunk async for chunk in chunks])[:2] == beginning
                return idle
        finally:
            await database.close()

    assert asyncio.run(ask())
