"""`crm-saas audit` as an operator types it."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crm_saas.cli import cli
from crm_saas.kit.errors import InvalidInput, NotFound
from crm_saas.kit.settings import Settings
from factories.database import as_role
from factories.trails import make_trail, seal


@pytest.fixture
def trails(settings: Settings) -> Settings:
    tenants = [make_trail(settings, slug, events=3) for slug in ("shop", "bakery")]
    asyncio.run(seal(settings, *tenants))
    return settings


def audit(settings: Settings, *arguments: str) -> Result:
    environment = {"CRM_DUMP_DATABASE_URL": settings.url("crm_dump"), "DATABASE_URL": ""}
    return CliRunner().invoke(cli, ["audit", *arguments], env=environment)


def test_sound_trails(trails: Settings) -> None:
    done = audit(trails, "verify")
    assert done.exit_code == 0, done.output
    assert done.output == (
        "ok    bakery: 4 events sound, 0 to seal, 0 erased, 0 faults\n"
        "ok    shop: 4 events sound, 0 to seal, 0 erased, 0 faults\n"
    )


def test_a_fault_is_told_and_ends_in_1(trails: Settings) -> None:
    with as_role(trails) as platform:
        platform.execute(
            'update org_events set after = \'{"name": "Eve"}\' from org_audit_seals s'
            " join sys_tenants_mst t on t.id = s.tenant_org_id"
            " where s.id = org_events.id and t.slug = 'shop' and s.position = 3"
        )
    done = audit(trails, "verify")
    assert done.exit_code == 1
    assert "ok    bakery" in done.output
    assert "FAIL  shop: 3 events sound" in done.output
    assert "position 3: `before` or `after` of the event" in done.output

    as_json = audit(trails, "verify", "--json", "--tenant", "shop")
    assert as_json.exit_code == 1
    [report] = json.loads(as_json.output)
    assert (report["sealed"], report["faultsFound"]) == (3, 1)
    assert audit(trails, "verify", "--tenant", "bakery").exit_code == 0


def test_an_unknown_tenant_is_refused(trails: Settings) -> None:
    refused = audit(trails, "verify", "--tenant", "nobody")
    assert isinstance(refused.exception, NotFound)


def test_heads_kept_elsewhere(trails: Settings, tmp_path: Path) -> None:
    file = tmp_path / "heads"
    printed = audit(trails, "heads")
    file.write_text(printed.output)
    assert len(printed.output.splitlines()) == 2
    assert audit(trails, "verify", "--heads", str(file)).exit_code == 0

    with as_role(trails) as platform, platform.transaction():
        tenant = "(select id from sys_tenants_mst where slug = 'shop')"
        for table in ("org_audit_seals", "org_audit_heads", "org_events"):
            platform.execute(f"delete from {table} where tenant_org_id = {tenant}".encode())
        platform.execute("delete from org_number_counters where tenant_org_id = " + tenant)
        platform.execute("delete from sys_tenants_mst where slug = 'shop'")
    assert audit(trails, "verify").exit_code == 0
    found = audit(trails, "verify", "--heads", str(file))
    assert found.exit_code == 1
    assert "the tenant is gone" in found.output


def test_a_file_that_holds_no_heads_is_refused(trails: Settings, tmp_path: Path) -> None:
    file = tmp_path / "heads"
    file.write_text("position 7")
    refused = audit(trails, "verify", "--heads", str(file))
    assert isinstance(refused.exception, InvalidInput)
    assert "line 1 of" in refused.exception.detail
