"""What a planted fault is, and how to find it in a copy."""

from pathlib import Path
from typing import NamedTuple


class Edit(NamedTuple):
    file: str
    old: str
    new: str


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

    def plant(self, root: Path) -> None:
        """Into the copy below `root`. Raises LookupError where it does not fit any more."""
        for edit in self.edits:
            text = (root / edit.file).read_text()
            if text.count(edit.old) != 1:
                raise LookupError(
                    f"{edit.file} has this {text.count(edit.old)} times, and not once: "
                    f"{edit.old!r}. Say in tests/planted what the fault looks like now."
                )
            (root / edit.file).write_text(text.replace(edit.old, edit.new))

    def heal(self, root: Path, source: Path) -> None:
        for edit in self.edits:
            (root / edit.file).write_bytes((source / edit.file).read_bytes())
