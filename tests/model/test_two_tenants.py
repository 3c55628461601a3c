"""Both tenants at work at once, over one connection and over many, with clients that leave in the
middle: every answer is what the model in memory says, and nothing of the other's is in any.

`make model` takes a new seed each time and prints it where it fails: CRM_MODEL_SEED repeats it.
CRM_MODEL_STEPS tries more or fewer.
"""

import asyncio
import gc
import os
import secrets

import pytest
from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from assurance import Reached
from crm_saas.doctor import examine
from crm_saas.kit.settings import Settings
from model.arena import Arena, open_arena
from model.machine import LOOKS_A_ROUND, STEPS_A_ROUND, TwoTenants
from sizes import SIZE, sized

STEPS = int(os.environ.get("CRM_MODEL_STEPS") or sized(short=330, long=20_000, full=60_000))
ROUNDS = sized(short=6, long=24)
PER_EXAMPLE = ROUNDS * 2 * (STEPS_A_ROUND + LOOKS_A_ROUND)


def run_machine(arena: Arena, *, steps: int, chosen_seed: int) -> None:
    """No shrinking: what failed between threads seldom fails again the same way; the trace of both
    tenants' last requests comes with the failure."""

    class Machine(TwoTenants):
        pass

    Machine.arena = arena
    plan = hypothesis_settings(
        max_examples=-(-steps // PER_EXAMPLE),
        stateful_step_count=ROUNDS + 1,  # the opening is one
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(chosen_seed)(Machine), settings=plan)


@pytest.mark.filterwarnings("ignore:.*AsyncConnection.* was deleted while still open")
def test_no_tenant_sees_or_disturbs_another(settings: Settings, reached: Reached) -> None:
    chosen = int(
        os.environ.get("CRM_MODEL_SEED") or (1 if SIZE == "short" else secrets.randbits(32))
    )
    with open_arena(settings) as arena:
        try:
            run_machine(arena, steps=STEPS, chosen_seed=chosen)
        except BaseException:
            print(f"CRM_MODEL_SEED={chosen} CRM_TEST_SIZE={SIZE} repeats it")
            raise
        arena.recount(arena.known)
        tally = arena.tally
        assert arena.look() == []
    gc.collect()
    findings = asyncio.run(examine(settings))
    assert [found for found in findings if not found.ok] == []
    assert tally.steps >= STEPS
    assert tally.unavailable <= tally.cancels
    reached("random operations of two tenants", tally.steps)
    reached("requests cut off in the middle", tally.cut)
