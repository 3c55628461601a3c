"""A tenant goes into a file and comes back, and nobody else's row moves."""

import asyncio
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg

from backup.contents import Content, content, mentions
from backup.stock import Stock, export, quiet
from crm_saas import operator
from crm_saas.backup.archive import MANIFEST, SEAL
from crm_saas.backup.deleting import delete_tenant
from crm_saas.backup.importing import Imported, import_tenant
from crm_saas.backup.tables import BOUND_TO_TENANT, SYSTEM_LEFT, SYSTEM_ROWS
from crm_saas.kit.schema import tenant_tables
from crm_saas.kit.settings import Settings
from factories.belongings import PASSWORD
from factories.database import rows
from factories.servers import Server, run_server
from factories.trails import make_trail, record_events, report, seal


def bring_back(settings: Settings, path: Path, as_slug: str | None = None) -> Imported:
    return asyncio.run(import_tenant(settings, path=path, as_slug=as_slug, tell=quiet))


def delete(settings: Settings) -> None:
    asyncio.run(operator.set_tenant_status(settings, "shop", "suspended"))
    asyncio.run(delete_tenant(settings, slug="shop", tell=quiet))


def without_import(found: Content) -> Content:
    events = [row for row in found["org_events"] if ",tenant.imported," not in row]
    assert len(events) == len(found["org_events"]) - 1
    return found | {"org_events": events}


def persons(settings: Settings, tenant: UUID) -> list[Any]:
    return rows(
        settings,
        "select id, person_id from org_customers_mst"
        " where tenant_org_id = %s and person_id is not null order by id",
        tenant,
    )


def log_in(server: Server, stock: Stock) -> httpx.Response:
    with server.client() as anonymous:
        return anonymous.post(
            "/auth/login", json={"email": stock.staff_email, "password": PASSWORD}
        )


def test_a_new_table_enters_by_itself_or_is_decided(stock: Stock, settings: Settings) -> None:
    with zipfile.ZipFile(stock.archive) as archive:
        names = {name.removesuffix(".copy") for name in archive.namelist()} - {MANIFEST, SEAL}
    with psycopg.connect(settings.url("crm_platform")) as connection:
        tables = set(tenant_tables(connection))
    system = {table for table in content(settings) if table.startswith("sys_")}
    assert names == tables | SYSTEM_ROWS.keys()
    assert system <= SYSTEM_ROWS.keys() | SYSTEM_LEFT.keys(), "say in backup/tables.py whose it is"
    empty = [table for table, found in content(settings, stock.shop).items() if not found]
    assert empty == [], "nothing in it could be lost"


def test_a_deleted_tenant_comes_back_as_it_was(stock: Stock, settings: Settings) -> None:
    before, others = content(settings, stock.shop), content(settings, stock.neighbour)
    people = persons(settings, stock.shop)

    delete(settings)

    assert mentions(settings, stock.shop) == []
    assert content(settings, stock.neighbour) == others

    imported = bring_back(settings, stock.archive)

    assert (imported.id, imported.slug, imported.left_out) == (stock.shop, "shop", [])
    assert without_import(content(settings, stock.shop)) == before
    assert content(settings, stock.neighbour) == others
    assert persons(settings, stock.shop) == people != []


def test_what_comes_back_is_served_to_its_old_keys_and_staff(
    stock: Stock, settings: Settings
) -> None:
    delete(settings)
    bring_back(settings, stock.archive)
    with run_server(settings) as server, server.client(stock.key) as client:
        assert client.get(f"/customers/{stock.customer}").status_code == 200
        assert log_in(server, stock).status_code == 200
        events = client.get("/audit", params={"limit": 5}).json()["items"]
        kinds = [event["kind"] for event in events if event["kind"].startswith("tenant.")]
        assert kinds == ["tenant.imported", "tenant.exported"]
        [imported] = [event for event in events if event["kind"] == "tenant.imported"]
        counted = imported["after"]["tables"]["orgTeams"]["rows"]
        assert counted == len(content(settings, stock.shop)["org_teams"])


def test_a_copy_stands_beside_the_original(stock: Stock, settings: Settings) -> None:
    before, others = content(settings, stock.shop), content(settings, stock.neighbour)

    imported = bring_back(settings, stock.archive, "shop-copy")

    assert imported.id != stock.shop
    assert set(imported.left_out) == BOUND_TO_TENANT.keys() & before.keys()
    assert content(settings, stock.shop) == before
    assert content(settings, stock.neighbour) == others
    assert without_import(content(settings, imported.id)) == {
        table: []
        if table in BOUND_TO_TENANT
        else [row.replace(f"({stock.shop},", f"({imported.id},", 1) for row in found]
        for table, found in before.items()
    }
    made = asyncio.run(
        operator.create_key(settings, tenant="shop-copy", role="owner", name="owner")
    )
    with run_server(settings) as server, server.client(made.key) as client:
        assert client.get(f"/customers/{stock.customer}").status_code == 200
        assert set(log_in(server, stock).json()["tenants"]) == {"shop", "shop-copy"}


def test_nothing_of_another_tenant_is_in_the_file(stock: Stock, settings: Settings) -> None:
    with zipfile.ZipFile(stock.archive) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    found = rows(
        settings,
        "select id, phone from org_customers_mst where tenant_org_id = %s and phone is not null",
        stock.neighbour,
    )
    assert len(found) > 1
    assert not [value for row in found for value in row if str(value).encode() in everything]


def test_no_id_of_a_person_is_in_the_file(stock: Stock, settings: Settings) -> None:
    with zipfile.ZipFile(stock.archive) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    found = [str(person) for _, person in persons(settings, stock.shop)]
    assert found
    assert not [person for person in found if person.encode() in everything]


def test_persons_are_found_again_where_there_are_none(stock: Stock, settings: Settings) -> None:
    """As on another server."""
    delete(settings)
    people = [row_id for row_id, _ in persons(settings, stock.neighbour)]
    with psycopg.connect(settings.url("crm_platform")) as platform:
        platform.execute("delete from sys_customers_mst")
    bring_back(settings, stock.archive)
    assert [row_id for row_id, _ in persons(settings, stock.neighbour)] == people
    [[linked]] = rows(
        settings,
        "select count(*) from org_customers_mst c join sys_customers_mst p on p.id = c.person_id"
        " where c.tenant_org_id = %s",
        stock.shop,
    )
    assert linked == len(persons(settings, stock.shop)) > 0


def test_members_are_linked_to_the_accounts_that_are_here(stock: Stock, settings: Settings) -> None:
    delete(settings)
    asyncio.run(
        operator.add_staff(
            settings,
            tenant="neighbour",
            email=stock.staff_email,
            name="The same person",
            role="pos",
            team=None,
            password="another password",
        )
    )
    bring_back(settings, stock.archive)
    [[joined]] = rows(
        settings,
        "select count(*) from org_members m"
        " join sys_staff_mst s on s.id = m.staff_id and s.email = m.email"
        " join sys_staff_tenants t on t.staff_id = s.id and t.tenant_org_id = m.tenant_org_id"
        " where m.tenant_org_id = %s and m.email = %s",
        stock.shop,
        stock.staff_email,
    )
    assert joined == 1
    with run_server(settings) as server:
        assert log_in(server, stock).status_code == 401, "an import changed a password"


def test_a_sealed_trail_is_as_sound_as_before(settings: Settings, tmp_path: Path) -> None:
    tenant = make_trail(settings, "sealed", events=20)
    asyncio.run(seal(settings, tenant))
    asyncio.run(record_events(settings, "sealed", 3))  # wait for the next sealing
    taken = export(settings, tmp_path / "sealed.zip", slug="sealed")
    before = report(settings, tenant)
    assert (before.faults, before.sealed, before.waiting) == ([], 21, 4)

    asyncio.run(operator.set_tenant_status(settings, "sealed", "suspended"))
    asyncio.run(delete_tenant(settings, slug="sealed", tell=quiet))
    bring_back(settings, taken)
    copy = bring_back(settings, taken, "sealed-copy").id

    for trail, sealed in ((tenant, 21), (copy, 0)):
        found = report(settings, trail)
        assert (found.faults, found.sealed) == ([], sealed)
        asyncio.run(seal(settings, trail))
        found = report(settings, trail)
        assert (found.faults, found.sealed, found.waiting) == ([], 26, 0)
