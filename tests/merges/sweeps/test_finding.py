"""What a sweep suggests, and what it leaves as it was decided (SPEC 5.1)."""

import httpx

from crm_saas.kit.settings import Settings
from factories.customers import create_stub
from factories.merges import merge
from factories.sweeps import RunJobs, forget_changes, make_pairs, read_sweep, start_sweep, suggested


def test_finds_each_kind_of_pair_and_nobody_else(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    pairs = make_pairs(api)
    create_stub(api, name="Salma Al Habsi")
    forget_changes(settings)
    sweep = start_sweep(api)
    assert (sweep["status"], sweep["progress"]) == ("running", 0)
    run_jobs()
    done = read_sweep(api, sweep)
    assert (done["status"], done["progress"], done["customers"]) == ("done", 1, 15)
    assert done["found"] == len(pairs) <= done["compared"]
    found = suggested(api)
    assert sorted(map(sorted, found)) == sorted(map(sorted, pairs))
    kinds = ["duplicates.sweep_started", "duplicates.sweep_ended", "duplicates.found"]
    for kind in kinds:
        assert api.get("/audit", params={"kind": kind}).json()["items"], kind
    assert api.get("/duplicates/sweeps").json()["items"] == [done]


def test_finds_what_the_look_after_a_change_finds(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    make_pairs(api)
    run_jobs()
    looked = api.get("/duplicates").json()["items"]
    assert len(looked) == 7
    start_sweep(api)
    run_jobs()
    assert api.get("/duplicates").json()["items"] == looked
    assert api.get("/audit", params={"kind": "duplicates.found"}).json()["items"] == []


def test_dismissed_and_merged_stay_so(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    one, two, three, four = (create_stub(api, name="Salim Al Harthy") for _ in range(4))
    forget_changes(settings)
    start_sweep(api)
    run_jobs()
    assert len(suggested(api)) == 6
    items = api.get(f"/customers/{one['id']}/duplicates").json()["items"]
    ids = [i["id"] for i in items if {c["id"] for c in i["customers"]} <= {one["id"], two["id"]}]
    assert api.post("/duplicates/dismiss", json={"ids": ids}).status_code == 200
    merge(api, three, four)
    forget_changes(settings)
    start_sweep(api)
    run_jobs()
    left = suggested(api)
    assert {one["id"], two["id"]} not in left
    assert not any(three["id"] in pair for pair in left)
    assert len(left) == 2


def test_two_are_not_suggested_again_for_having_been_merged_on(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    """Whoever is the first now was told from the second then, by whatever name it came there."""
    first, second = (create_stub(api, name="Salim Al Harthy") for _ in range(2))
    run_jobs()
    (found,) = api.get("/duplicates").json()["items"]
    assert api.post("/duplicates/dismiss", json={"ids": [found["id"]]}).status_code == 200
    third, fourth = (create_stub(api, name="Salim Al Harthy") for _ in range(2))
    merge(api, first, third)
    run_jobs()
    assert {fourth["id"], second["id"]} in suggested(api)
    merge(api, third, fourth)
    forget_changes(settings)
    start_sweep(api)
    run_jobs()
    assert suggested(api) == []


def test_what_is_not_alike_any_more_is_dropped(
    api: httpx.Client, settings: Settings, run_jobs: RunJobs
) -> None:
    create_stub(api, name="Salim Al Harthy")
    two = create_stub(api, name="Salim Al Harthy")
    run_jobs()
    assert len(suggested(api)) == 1
    api.patch(f"/customers/{two['id']}", json={"name": "Khalid Al Rawahi"})
    forget_changes(settings)
    sweep = start_sweep(api)
    run_jobs()
    assert suggested(api) == []
    assert read_sweep(api, sweep)["dropped"] == 1


def test_by_score_and_by_evidence(api: httpx.Client, settings: Settings, run_jobs: RunJobs) -> None:
    make_pairs(api)
    run_jobs()
    items = api.get("/duplicates").json()["items"]
    for kind in {item["evidence"][0]["kind"] for item in items}:
        expected = [item for item in items if item["evidence"][0]["kind"] == kind]
        assert api.get("/duplicates", params={"evidence": kind}).json()["items"] == expected
    bar = items[2]["score"]
    likely = api.get("/duplicates", params={"minScore": bar}).json()["items"]
    assert likely == [item for item in items if item["score"] >= bar]
    refused = api.get("/duplicates", params={"evidence": "hearsay"})
    assert refused.status_code in {400, 422}
