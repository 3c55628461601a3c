"""What a planted fault is, and how to find it in a copy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Edit(NamedTuple):
    file: str
    old: str
    new: str

    def make(self, root: Path) -> None:
        text = (root / self.file).read_text()
        if text.count(self.old) != 1:
            raise LookupError(
                f"{self.file} has this {text.count(self.old)} times, and not once: "
                f"{self.old!r}. Say in tests/planted what the fault looks like now."
            )
        (root / self.file).write_text(text.replace(self.old, self.new))


class Fault(NamedTuple):
    """One mistake that somebody could make, and the tests that must notice it.

    `old` stands once in `file`; a list that has gone stale so fails before anything is tried.
    `also` are further edits, of one mistake that takes several. `caught_by` fail, each of them;
    `after` run before them, for what they judge.
    """

    says: str
    file: str
    old: str
    new: str
    caught_by: tuple[str, ...]
    after: tuple[str, ...] = ()
    also: tuple[tuple[str, str, str], ...] = ()

    @property
    def edits(self) -> list[Edit]:
        return [Edit(self.file, self.old, self.new), *(Edit(*edit) for edit in self.also)]

    @property
    def is_of_the_database(self) -> bool:
        """Whether a database has to be migrated anew to have it."""
        return any(edit.file.startswith(("sql/", "migrations/")) for edit in self.edits)

    @contextmanager
    def planted(self, root: Path) -> Iterator[None]:
        """In the copy below `root`, for as long as the block runs. Raises LookupError where it
        does not fit any more."""
        sound = {edit.file: (root / edit.file).read_bytes() for edit in self.edits}
        try:
            for edit in self.edits:
                edit.make(root)
            yield
        finally:
            for file, content in sound.items():
                (root / file).write_bytes(content)
