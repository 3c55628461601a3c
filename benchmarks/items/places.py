"""Whom requests are about: half of them the main tenant's, half anybody else's."""

import random
from collections.abc import Iterator

from benchmarks.contest import Bench
from benchmarks.dataset.names import FAMILIES, GIVEN
from benchmarks.floors.database import Tenants
from benchmarks.sizes import Size


def drawn(bench: Bench, seed: str, how_many: int) -> Iterator[tuple[int, int]]:
    """Tenant and customer number."""
    chance = random.Random(f"{seed} {next(bench.numbers)}")
    main, others = everybody(bench.size)
    for _ in range(how_many):
        tenants = chance.choice((main, others))
        yield (
            chance.randint(tenants.first, tenants.last),
            chance.randint(1, tenants.places),
        )


def everybody(size: Size) -> tuple[Tenants, Tenants]:
    """The same for pgbench."""
    return Tenants(0, 0, size.main), Tenants(1, size.tenants, min(size.of_tenants()))


def a_name(chance: random.Random) -> str:
    return f"{chance.choice(GIVEN)[0]} {chance.choice(FAMILIES)[0]}"
