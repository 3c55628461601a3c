"""How many duplicates a sweep finds, and how much of what it suggests is right (SPEC 5.1).

In a small made tenant with known duplicates; `python -m benchmarks.duplicates` is for large ones.
"""

from benchmarks.duplicates.measuring import BARRED
from benchmarks.duplicates.sweeping import make_and_load, sweep_and_measure
from benchmarks.duplicates.tenant import make_tenant
from crm_saas.kit.settings import Settings
from sizes import sized

CUSTOMERS = sized(short=5000, long=20_000, full=100_000)
PRECISION_MIN = RECALL_MIN = 0.9
OF_KINDS_MIN = {"other script": 0.85, "old phone": 0.3}


def test_a_sweep_finds_what_there_is_and_little_else(settings: Settings) -> None:
    entries = list(make_tenant(CUSTOMERS))
    tenant_id = make_and_load(settings, "made", entries)
    found = sweep_and_measure(settings, tenant_id, entries).measured
    assert found.precision >= PRECISION_MIN, found.report()
    assert found.recall(*BARRED) >= RECALL_MIN, found.report()
    for kind, least in OF_KINDS_MIN.items():
        assert found.recall(kind) >= least, found.report()
