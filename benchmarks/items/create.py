"""Create a stub, with number, event, trail and idempotency: over many tenants, and all on one."""

import random
from typing import Any

from benchmarks.contest import Bench, Work, contest
from benchmarks.dataset.people import new_phone, tenant_id
from benchmarks.floors.database import Tenants, create_script
from benchmarks.items.places import a_name
from benchmarks.load import Request, post
from benchmarks.results import Row

# More than any of them manages; who does ends its round early.
_PER_SECOND_MAX = 3_000


def measure(bench: Bench) -> list[Row]:
    last = bench.size.tenants
    return [
        contest(bench, work(bench, "create", "create a stub", 8, last, (0.30, 0.9))),
        contest(bench, work(bench, "create", "create a stub", 32, last, (0.30, 0.9))),
        contest(bench, work(bench, "create", "create, all on one tenant", 8, 0, (0.25, None))),
        contest(bench, work(bench, "create", "create, all on one tenant", 32, 0, (0.20, None))),
    ]


def work(
    bench: Bench,
    item: str,
    title: str,
    connections: int,
    last_tenant: int,
    at_least: tuple[float, float | None],
) -> Work:
    def product() -> list[Request]:
        return [
            post(
                "/api/v1/customers",
                bench.data.keys[tenant]["pos"],
                body | {"type": "stub"},
                idempotency_key=f"bench-{body['phone']}",
            )
            for tenant, body in _bodies(bench, last_tenant)
        ]

    def framework() -> list[Request]:
        return [
            post(f"/create/{tenant_id(tenant)}", "", body, idempotency_key=body["phone"])
            for tenant, body in _bodies(bench, last_tenant)
        ]

    return Work(
        item=item,
        title=f"{title}, {connections} connections",
        connections=connections,
        product=product,
        framework=framework,
        # D is many tenants' in either case: what the database does when nobody waits in line.
        scripts=[(create_script(Tenants(0, bench.size.tenants, 1)), 1)],
        again=False,
        database_at_least=at_least[0],
        framework_at_least=at_least[1],
    )


def _bodies(bench: Bench, last_tenant: int) -> list[tuple[int, dict[str, Any]]]:
    chance = random.Random(next(bench.numbers))
    how_many = int(_PER_SECOND_MAX * (bench.size.seconds + bench.size.warm_up_seconds))
    return [
        (
            chance.randint(0, last_tenant),
            {"name": a_name(chance), "phone": new_phone(next(bench.numbers))},
        )
        for _ in range(how_many)
    ]
