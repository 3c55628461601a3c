"""Exports whose time is over, and files that belong to none."""

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from crm_saas.exports.expiring import expire_everywhere, expire_exports, forget_files
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


def test_files_of_no_export_go_when_they_are_old(shop: Shop) -> None:
    create_guest(shop.client)
    ready = shop.made()
    (kept,) = files_of(shop.tenant)
    strangers = kept.parent.parent.parent / str(uuid4()) / "exports"
    strangers.mkdir(parents=True)
    imported = kept.parent.parent / "imports" / str(uuid4())
    imported.parent.mkdir()
    old = [kept, kept.with_name(str(uuid4())), strangers / str(uuid4()), imported]
    fresh = kept.with_name(str(uuid4()))
    for path in (*old[1:], fresh):
        path.write_bytes(b"text")
    for path in old:
        os.utime(path, (time.time() - 90_000,) * 2)

    async def forget() -> None:
        platform = Database(shop.tenant.server.settings, "crm_platform")
        try:
            await forget_files(platform)
        finally:
            await platform.close()

    asyncio.run(forget())
    assert [path.exists() for path in (*old, fresh)] == [True, False, False, True, True]
    assert shop.download(ready["link"]).status_code == 200


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
