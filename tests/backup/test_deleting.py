"""A tenant goes with every row, and only when nobody can be hurt by it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from backup.contents import content, mentions
from backup.stock import Stock, quiet
from crm_saas import operator
from crm_saas.backup.deleting import delete_tenant
from crm_saas.kit.db import Database
from crm_saas.kit.errors import Conflict, NotFound
from crm_saas.kit.files import FileMissing, Files, FilesUnavailable, file_name
from crm_saas.kit.jobs import JobRefused
from crm_saas.kit.settings import Settings
from crm_saas.tenancy.registry import job_context


def delete(settings: Settings, slug: str = "shop", seconds_max: float = 30) -> None:
    asyncio.run(delete_tenant(settings, slug=slug, tell=quiet, wait_seconds_max=seconds_max))


def suspend(settings: Settings) -> None:
    asyncio.run(operator.set_tenant_status(settings, "shop", "suspended"))


def test_an_active_tenant_is_not_deleted(stock: Stock, settings: Settings) -> None:
    before = content(settings)
    with pytest.raises(Conflict, match="is active"):
        delete(settings)
    with pytest.raises(NotFound):
        delete(settings, "nobody")
    assert content(settings) == before


def test_only_its_own_rows_and_jobs_go(stock: Stock, settings: Settings) -> None:
    others = content(settings, stock.neighbour)
    waiting = jobs(settings)
    assert waiting.get(stock.shop)
    suspend(settings)
    delete(settings)
    assert mentions(settings, stock.shop) == []
    assert content(settings, stock.neighbour) == others
    assert jobs(settings) == {t: n for t, n in waiting.items() if t != stock.shop}


async def store_a_file(files: Files, name: str) -> None:
    async def text() -> AsyncIterator[bytes]:
        yield b"text"

    await files.write(name, text(), bytes_max=4)


def test_its_files_go_with_it(stock: Stock, settings: Settings, tmp_path: Path) -> None:
    settings = replace(settings, files_url=(tmp_path / "files").as_uri())
    files = Files.from_settings(settings)
    names = {owner: file_name(owner, "exports", owner) for owner in (stock.shop, stock.neighbour)}
    for name in names.values():
        asyncio.run(store_a_file(files, name))
    suspend(settings)
    delete(settings)
    assert asyncio.run(files.size(names[stock.neighbour])) == 4
    with pytest.raises(FileMissing):
        asyncio.run(files.size(names[stock.shop]))


def test_a_file_that_was_ended_meanwhile_goes_too(
    stock: Stock, settings: Settings, tmp_path: Path
) -> None:
    settings = replace(settings, files_url=tmp_path.as_uri())
    name = tmp_path / file_name(stock.shop, "exports", stock.shop)

    def end_a_file(told: str) -> None:
        if told == "Its files are gone.":
            name.parent.mkdir(parents=True)
            name.write_bytes(b"text")

    suspend(settings)
    asyncio.run(delete_tenant(settings, slug="shop", tell=end_a_file))
    assert not name.exists()
    assert not name.parent.exists()


def test_a_store_that_fails_keeps_the_tenant(
    stock: Stock, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "files").write_bytes(b"")
    suspend(settings)
    with pytest.raises(FilesUnavailable):
        delete(replace(settings, files_url=(tmp_path / "files" / "below").as_uri()))
    assert all(content(settings, stock.shop).values())
    delete(settings)
    assert mentions(settings, stock.shop) == []


def jobs(settings: Settings) -> dict[UUID, int]:
    with psycopg.connect(settings.url("crm_worker")) as worker:
        found = worker.execute(
            "select args ->> 'tenant_id', count(*) from jobs.procrastinate_jobs group by 1"
        )
        return {UUID(tenant): count for tenant, count in found}


def test_an_account_that_belongs_elsewhere_too_stays(stock: Stock, settings: Settings) -> None:
    asyncio.run(
        operator.add_staff(
            settings,
            tenant="neighbour",
            email=stock.staff_email,
            name="Of both",
            role="pos",
            team=None,
            password="a long password",
        )
    )
    suspend(settings)
    delete(settings)
    accounts = content(settings)["sys_staff_mst"]
    assert [account for account in accounts if stock.staff_email in account]


def test_it_waits_for_what_began_before(stock: Stock, settings: Settings) -> None:
    suspend(settings)
    with psycopg.connect(settings.url("crm_app")) as late:
        late.execute("select set_request_scope(%s, 'all', null, '{}')", [stock.shop])
        with pytest.raises(Conflict, match="may write rows"):
            delete(settings, seconds_max=0.2)
        assert all(content(settings, stock.shop).values())
    delete(settings)
    assert mentions(settings, stock.shop) == []


def test_no_job_begins_in_a_tenant_that_is_being_deleted(stock: Stock, settings: Settings) -> None:
    async def begin() -> None:
        database = Database(settings)
        try:
            async with job_context(database, stock.shop, "tenancy.forget_answers"):
                pass
        finally:
            await database.close()

    asyncio.run(operator.set_tenant_status(settings, "shop", "suspended"))
    asyncio.run(begin())
    with psycopg.connect(settings.url("crm_platform")) as platform:
        platform.execute("update sys_tenants_mst set status = 'closing' where slug = 'shop'")
    with pytest.raises(JobRefused, match="being deleted"):
        asyncio.run(begin())
