"""Blocks of customers who have a key in common, and the pairs in them."""

import asyncio
from uuid import uuid4

import pytest

from crm_saas.customers.similarity import NameCounts
from crm_saas.merges.blocking import KINDS, Pairing, names_nearly_agree, pairs_of


def test_a_large_block_leaves_the_loop_to_others() -> None:
    kind = next(kind for kind in KINDS if kind.name == "phoneEnds")
    pairing = Pairing(kind, NameCounts(0, {}, 1))
    ids = [uuid4() for _ in range(400)]
    phones = [f"+968{number * 97:08}|slm hrt" for number in range(len(ids))]

    async def pair() -> int:
        others = 0

        async def work() -> None:
            nonlocal others
            while True:
                others += 1
                await asyncio.sleep(0)

        working = asyncio.create_task(work())
        found = list(await pairs_of(pairing, ids, phones))
        working.cancel()
        assert set(found) == set(pairing.pairs(ids, phones))
        return others

    assert asyncio.run(pair()) > 1


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("Xld mmr", "Xld mmr", True),
        ("Xld mmr sd", "mmr Xld", True),
        ("Xld mmr", "Xl mmrr", True),
        ("mhmdsd blC", "mhmd sd blC", True),
        ("Xld mmr", "Xld frs", False),
        ("mhmd hrt", "mhmd blC", False),
    ],
)
def test_one_common_word_is_no_reason_to_compare(one: str, other: str, near: bool) -> None:
    assert names_nearly_agree([one], [other]) is near
    assert names_nearly_agree([other], ["", one]) is near
