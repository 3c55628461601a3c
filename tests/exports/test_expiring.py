"""Exports whose time is over, and files that belong to none."""

import asyncio
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from crm_saas.exports.expiring import expire_everywhere, expire_exports
from crm_saas.kit.db import Database
from crm_saas.kit.files import FilesUnavailable
from crm_saas.kit.settings import Settings
from crm_saas.tenancy.registry import job_context
from exports.making import Shop, files_of
from factories.customers import create_guest


async def expire(settings: Settings) -> None:
    platform = Database(settings, "crm_platform")
    try:
        await expire_everywhere(platform)
    finally:
        await platform.close()


def test_files_go_when_their_time_is_over(
    own_shop: Shop, settings: Settings, superuser: psycopg.Connection
) -> None:
    shop = own_shop
    create_guest(shop.client)
    old, fresh, ancient, lost = shop.made(), shop.made(), shop.request(), shop.request()
    shop.client.post(f"/exports/{ancient['id']}/cancel")
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update org_exports set expires_at = now() where id = %s", [old["id"]])
    superuser.execute(
        "update org_exports set created_at = now() - interval '2 days' where id = %s", [lost["id"]]
    )
    superuser.execute(
        "update org_exports set finished_at = now() - interval '31 days' where id = %s",
        [ancient["id"]],
    )
    superuser.execute("delete from jobs.procrastinate_jobs")  # the lost one's is gone
    superuser.commit()
    asyncio.run(expire(settings))
    shop.run_jobs()
    gone = shop.client.get(f"/exports/{old['id']}/file")
    assert (gone.status_code, gone.json()["type"].rpartition("/")[2]) == (410, "export-expired")
    assert shop.download(old["link"]).status_code == 410
    assert (shop.look(old)["status"], shop.look(old)["link"]) == ("expired", None)
    assert len(files_of(shop.tenant)) == 1
    assert shop.download(fresh["link"]).status_code == 200
    assert shop.kinds().count("export.expired") == 1
    assert shop.look(lost)["status"] == "failed"
    assert shop.client.get(f"/exports/{ancient['id']}").status_code == 404


def test_a_store_that_hangs_holds_no_transaction_open(
    own_shop: Shop, settings: Settings, superuser: psycopg.Connection, tmp_path: Path
) -> None:
    """What was marked before the store was asked stays marked when the store fails."""
    create_guest(own_shop.client)
    old = own_shop.made()
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update org_exports set expires_at = now()")
    superuser.commit()
    (tmp_path / "file").write_bytes(b"")
    broken = replace(settings, files_url=(tmp_path / "file" / "below").as_uri())

    async def expire_one() -> None:
        database = Database(broken)
        try:
            async with job_context(database, own_shop.tenant.id, "exports.expire") as context:
                pass
            await expire_exports(context)
        finally:
            await database.close()

    with pytest.raises(FilesUnavailable):
        asyncio.run(expire_one())
    assert own_shop.look(old)["status"] == "expired"
