"""Two tenants with something in every table, and an archive of the first of them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from backup.contents import content
from crm_saas.backup.exporting import export_tenant, new_file
from crm_saas.backup.importing import import_tenant
from crm_saas.kit.errors import Conflict, InvalidInput
from crm_saas.kit.settings import Settings
from factories.belongings import Belongings, furnish
from factories.codes import new_mobile, send_code
from factories.customers import create_guest
from factories.servers import run_server
from factories.tenants import TestTenant, make_tenant


@dataclass(frozen=True)
class Stock:
    """Made once; each test takes a copy of the database that it fills."""

    database: str
    archive: Path
    shop: UUID
    neighbour: UUID
    key: str  # of the shop's owner
    staff_email: str
    customer: str


def quiet(_: str) -> None:
    """Progress that nobody reads."""


def export(settings: Settings, path: Path, slug: str = "shop") -> Path:
    with new_file(path) as out:
        asyncio.run(export_tenant(settings, slug=slug, out=out, tell=quiet))
    return path


def refused(settings: Settings, path: Path, said: str, slug: str | None = "new") -> None:
    """The import fails with these words, and the database holds what it held."""
    before = content(settings)
    with pytest.raises((InvalidInput, Conflict)) as raised:
        asyncio.run(import_tenant(settings, path=path, as_slug=slug, tell=quiet))
    assert said in raised.value.detail
    assert content(settings) == before


def make_stock(settings: Settings, folder: Path) -> Stock:
    with (
        run_server(settings) as server,
        make_tenant(server, slug="shop") as shop,
        make_tenant(server, slug="neighbour") as neighbour,
    ):
        belongings = _furnished(shop)
        _furnished(neighbour)
        key = shop.key()
    # The server has written down by now when its keys were used.
    return Stock(
        database=settings.owner_url.database or "",
        archive=export(settings, folder / "shop.zip"),
        shop=shop.id,
        neighbour=neighbour.id,
        key=key,
        staff_email=belongings.staff_email,
        customer=belongings.kept["customer"],
    )


def _furnished(tenant: TestTenant) -> Belongings:
    belongings = furnish(tenant, mark="Zahra")
    belongings.keep()
    phone = new_mobile()
    verified = tenant.client().post(
        "/customers",
        json={
            "type": "full",
            "name": "زهراء البلوشي",
            "notes": "a tab\tand a \\N\nand a line",
            "phone": phone,
            "otpCode": send_code(tenant, phone),
        },
    )
    assert verified.status_code == 201, verified.text
    create_guest(tenant.client(), preferences={"odd": [1e-7, "\\N", None, "a\tb\nc"]})
    return belongings
