"""How much a sweep compares and suggests, and how much is dismissed at once."""

from collections import Counter
from uuid import uuid4

import httpx
import pytest

from crm_saas.kit.settings import Settings
from crm_saas.merges import sweeping
from crm_saas.merges.keeping import KEPT_MAX
from crm_saas.merges.schemas import DISMISSED_AT_ONCE
from factories.customers import create_stub
from factories.sweeps import RunJobs, forget_changes, make_pairs, read_sweep, start_sweep, suggested
from factories.tenants import TestTenant


def test_blocks_too_large_are_counted(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    """Sixty-one who are born on one day, with one word in common and letters that their names end
    with: nobody compares each."""
    for place in range(61):
        create_stub(api, name=f"Salim {chr(98 + place % 20)}o{place:x}d", dateOfBirth="1990-01-01")
    forget_changes(settings)
    sweep = start_sweep(api)
    run_jobs()
    assert read_sweep(api, sweep)["leftOut"]["birthDate"] == {
        "blocks": 2, "customers": 122, "suggestions": 0
    }  # fmt: skip


def test_a_customer_has_so_many_suggestions(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    twin = {"name": "Zuwaina Al Gheilani", "dateOfBirth": "1980-02-03"}
    made = [create_stub(api, **twin) for _ in range(KEPT_MAX + 3)]
    run_jobs()
    forget_changes(settings)
    start_sweep(api)
    run_jobs()
    held = Counter(customer for pair in suggested(api) for customer in pair)
    assert set(held) <= {customer["id"] for customer in made}
    assert max(held.values()) == KEPT_MAX


def test_a_tenant_has_so_many_suggestions(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "OPEN_MAX", 2)
    make_pairs(api)
    forget_changes(settings)
    sweep = start_sweep(api)
    run_jobs()
    swept = read_sweep(api, sweep)
    assert (swept["found"], len(suggested(api))) == (2, 2)
    assert sum(left["suggestions"] for left in swept["leftOut"].values()) >= 4


def test_bounds(api: httpx.Client) -> None:
    ids = [str(uuid4()) for _ in range(DISMISSED_AT_ONCE + 1)]
    assert api.post("/duplicates/dismiss", json={"ids": ids}).status_code == 422
    assert api.post("/duplicates/dismiss", json={"ids": []}).status_code == 422
    assert api.post("/duplicates/dismiss", json={"ids": ids[1:]}).status_code == 404


def test_dismissed_together_or_not_at_all(
    api: httpx.Client, tenant: TestTenant, run_jobs: RunJobs
) -> None:
    make_pairs(api)
    run_jobs()
    ids = [item["id"] for item in api.get("/duplicates").json()["items"]]
    missing = api.post("/duplicates/dismiss", json={"ids": [*ids, str(uuid4())]})
    assert missing.status_code == 404
    assert len(suggested(api)) == len(ids)
    assert tenant.client("pos").post("/duplicates/dismiss", json={"ids": ids}).status_code == 403
    done = api.post("/duplicates/dismiss", json={"ids": ids})
    assert {item["status"] for item in done.json()["items"]} == {"dismissed"}
    assert suggested(api) == []
