"""How much a run builds and how long it measures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """`main` customers in the first tenant, `rest` over `tenants` further ones, Zipf-sized.

    Each figure is the median of `rounds`, of `seconds` each after `warm_up_seconds`.
    """

    name: str
    main: int
    rest: int
    tenants: int
    rounds: int
    seconds: float
    warm_up_seconds: float
    questions: int
    """Of each kind of search in a round."""
    bulk_rows: int
    """That an import brings."""

    def of_tenants(self) -> list[int]:
        """Customers of each tenant, the main one first."""
        weights = [1 / place for place in range(1, self.tenants + 1)]
        whole = sum(weights)
        return [self.main, *(max(1, round(self.rest * weight / whole)) for weight in weights)]

    @property
    def customers(self) -> int:
        return sum(self.of_tenants())


SIZES = {
    size.name: size
    for size in (
        Size("tiny", 2_000, 1_000, 3, 1, 0.3, 0, 4, 500),
        Size("short", 100_000, 200_000, 20, 3, 1.5, 0.5, 40, 20_000),
        Size("full", 1_000_000, 10_000_000, 200, 3, 3, 1, 60, 1_000_000),
    )
}
SEED = 1
