"""A list of fifty, filtered and sorted."""

import random

from benchmarks.contest import Bench, Work, contest
from benchmarks.dataset.people import tenant_id
from benchmarks.floors.database import list_scripts
from benchmarks.floors.statements import LISTS, PAGE
from benchmarks.items.places import drawn, everybody
from benchmarks.load import Request, get
from benchmarks.results import Row

_REQUESTS = 1_000


def measure(bench: Bench) -> list[Row]:
    queries = list(LISTS)

    def product() -> list[Request]:
        chance = random.Random("product")
        return [
            get(
                f"/api/v1/customers?{chance.choice(queries)}&limit={PAGE}",
                bench.data.keys[tenant]["owner"],
            )
            for tenant, _ in drawn(bench, "list", _REQUESTS)
        ]

    def framework() -> list[Request]:
        chance = random.Random("framework")
        return [
            get(f"/list/{tenant_id(tenant)}/{chance.randrange(len(queries))}", "")
            for tenant, _ in drawn(bench, "list", _REQUESTS)
        ]

    work = Work(
        item="list",
        title=f"list of {PAGE} with filter and sort, 8 connections",
        connections=8,
        product=product,
        framework=framework,
        scripts=[
            (script, 1) for tenants in everybody(bench.size) for script in list_scripts(tenants)
        ],
        again=True,
        database_at_least=0.10,
        framework_at_least=0.7,
    )
    return [contest(bench, work)]
