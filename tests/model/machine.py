"""The state machine: rounds in which both tenants work at the same time.

A round is drawn by hypothesis: a seed for every step of each tenant. What a step does follows from
its seed and from how many came before it, so that the same seed twice is not the same step twice.
The lanes of a round run in threads of their own; after each, while nothing runs, the connections
are looked at.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from model.arena import Arena, hand_out_credentials, make_worlds
from model.lane import Lane, Mismatch, Tally
from model.onlooker import look
from model.operations import any_operation

STEPS_A_ROUND = 10
LOOKS_A_ROUND = 4
SEEDS = st.integers(0, 2**32 - 1)
STEPS = st.lists(SEEDS, min_size=STEPS_A_ROUND, max_size=STEPS_A_ROUND)


class TwoTenants(RuleBasedStateMachine):
    arena: ClassVar[Arena]

    def __init__(self) -> None:
        super().__init__()
        self._lanes: list[Lane] = []
        self._onlookers: list[Lane] = []

    @initialize(seed=SEEDS)
    def open_for_business(self, seed: int) -> None:
        # One seed may open several worlds, whose phones are then the same: their budgets of codes,
        # which span tenants and have tests of their own, begin anew.
        self.arena.hands.owner.execute("delete from sys_otp_budgets")
        worlds = make_worlds(self.arena.settings, seed)
        pairs = [(worlds[0], worlds[1]), (worlds[1], worlds[0])]
        self._lanes = [Lane(a, b, self.arena.sides, self.arena.hands) for a, b in pairs]
        self._onlookers = [Lane(a, b, self.arena.sides, self.arena.hands) for a, b in pairs]
        for lane in self._lanes:
            hand_out_credentials(lane)

    @rule(first=STEPS, second=STEPS, looks=SEEDS, jobs=st.integers(0, 15))
    def both_work(self, first: list[int], second: list[int], looks: int, jobs: int) -> None:
        with ThreadPoolExecutor(4) as threads:
            running = [
                *(threads.submit(_work, *each) for each in zip(self._lanes, (first, second),
                                                                strict=True)),
                *(threads.submit(_look_on, lane, looks) for lane in self._onlookers),
            ]  # fmt: skip
        for done in running:
            done.result()
        if jobs == 0:
            self.arena.run_jobs()

    @invariant()
    def nothing_is_left_on_a_connection(self) -> None:
        found = self.arena.look()
        if found:
            for lane in self._lanes:
                lane.failed = True
            raise Mismatch(found)

    def teardown(self) -> None:
        lanes = [*self._lanes, *self._onlookers]
        tally = Tally(*(sum(getattr(lane.tally, f.name) for lane in lanes)
                        for f in fields(Tally)))  # fmt: skip
        for lane in lanes:
            lane.close()
        if any(lane.failed for lane in lanes):
            self.arena.failed_after.append(self.arena.tally.steps + tally.steps)
        elif self._lanes:
            self.arena.finish([lane.world for lane in self._lanes], tally)


def _work(lane: Lane, steps: list[int]) -> None:
    _named(lane)
    for seed in steps:
        lane.run(any_operation, seed)


def _look_on(lane: Lane, seed: int) -> None:
    _named(lane)
    for number in range(LOOKS_A_ROUND):
        lane.run(look, seed + number)


def _named(lane: Lane) -> None:
    threading.current_thread().name = lane.world.mark
