"""Export, import and delete as the operator types them."""

import json
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.exc import DBAPIError

from backup.contents import content, mentions
from backup.stock import Stock
from crm_saas.backup import exporting
from crm_saas.backup.tables import LOAN_SECONDS_MAX
from crm_saas.cli import cli
from crm_saas.kit.errors import InvalidInput, NotFound
from crm_saas.kit.settings import Settings


def crm(settings: Settings, *arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(
        cli,
        ["tenants", *arguments],
        env={"DATABASE_URL": settings.database_url},
        input=typed,
    )


def test_from_one_command_to_the_other(stock: Stock, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "shop.zip"
    exported = crm(settings, "export", "--slug", "shop", str(file), "--json")
    assert exported.exit_code == 0, exported.output
    assert json.loads(exported.stdout)["tenantId"] == str(stock.shop)
    assert "org_customers_mst: " in exported.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["shop.zip"]
    taken = content(settings, stock.shop)

    crm(settings, "suspend", "--slug", "shop")
    mistyped = crm(settings, "delete", "--slug", "shop", typed="shopp\n")
    assert isinstance(mistyped.exception, InvalidInput)
    assert mentions(settings, stock.shop)
    deleted = crm(settings, "delete", "--slug", "shop", typed="shop\n")
    assert "Deleted the tenant shop" in deleted.stdout
    assert mentions(settings, stock.shop) == []

    imported = crm(settings, "import", str(file))
    assert imported.stdout.startswith(f"Imported the tenant shop ({stock.shop}): ")
    back = content(settings, stock.shop)
    assert {table: found for table, found in back.items() if table != "org_events"} == {
        table: found for table, found in taken.items() if table != "org_events"
    }

    beside = crm(settings, "import", str(file), "--as", "twin")
    assert "Left out, since the old tenant's id is in them: " in beside.stdout
    assert "org_api_keys" in beside.stdout


def test_into_a_pipe(stock: Stock, settings: Settings, tmp_path: Path) -> None:
    piped = crm(settings, "export", "--slug", "shop", "-")
    assert piped.exit_code == 0, piped.stderr
    file = tmp_path / "piped.zip"
    file.write_bytes(piped.stdout_bytes)
    assert crm(settings, "import", str(file), "--as", "piped").exit_code == 0


@pytest.mark.parametrize("slug", ["shop", "nobody"])
def test_no_file_takes_its_name_half_made(
    slug: str, stock: Stock, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "shop.zip"
    if slug == "shop":
        file.write_text("an older one")
        expected: type[Exception] = InvalidInput
    else:
        expected = NotFound
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    failed = crm(settings, "export", "--slug", slug, str(file))
    assert isinstance(failed.exception, expected)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_large_tenant_has_the_time_that_it_takes(
    stock: Stock, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is broken at the bound of its own, which is no request's."""
    assert LOAN_SECONDS_MAX >= 12 * 3600
    monkeypatch.setattr(exporting, "LOAN_SECONDS_MAX", 0)
    exported = crm(settings, "export", "--slug", "shop", str(tmp_path / "shop.zip"))
    assert isinstance(exported.exception, (DBAPIError, psycopg.OperationalError))
    assert list(tmp_path.iterdir()) == []
