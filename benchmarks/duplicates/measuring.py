"""What was found beside what there is to find."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.duplicates.tenant import Entry

# What SPEC 5.1 sets a bar for; the others are reported.
BARRED = ("typing", "swapped")


@dataclass(frozen=True)
class Measured:
    """`by_kind`: of the duplicates of each kind, how many were found, and how many there are."""

    suggested: int
    right: int
    by_kind: dict[str, tuple[int, int]]

    @property
    def precision(self) -> float:
        return self.right / max(1, self.suggested)

    def recall(self, *beginnings: str) -> float:
        counted = [n for kind, n in self.by_kind.items() if kind.startswith(beginnings)]
        return sum(found for found, _ in counted) / max(1, sum(there for _, there in counted))

    def report(self) -> str:
        lines = [
            f"{'suggested pairs':36}{self.suggested:>9,}",
            f"{'precision':36}{self.precision:>9.3f}",
            f"{'recall, typing and swapped names':36}{self.recall(*BARRED):>9.3f}",
        ]
        lines += [
            f"  {kind:34}{found / max(1, there):>9.3f}{there:>9,}"
            for kind, (found, there) in sorted(self.by_kind.items())
        ]
        return "\n".join(lines)


def measure(entries: Sequence[Entry], suggested: Iterable[tuple[int, int]]) -> Measured:
    """Pairs are places of the tenant's list, in any order."""
    person = [place if entry.of is None else entry.of for place, entry in enumerate(entries)]
    found = {(min(pair), max(pair)) for pair in suggested}
    right = sum(person[a] == person[b] for a, b in found)
    there: Counter[str] = Counter()
    met: Counter[str] = Counter()
    for place, entry in enumerate(entries):
        if entry.of is not None:
            there[entry.kind] += 1
            met[entry.kind] += (entry.of, place) in found
    return Measured(len(found), right, {kind: (met[kind], there[kind]) for kind in there})
