"""What speaks for or against two profiles being one person's."""

from typing import NamedTuple


class Ground(NamedTuple):
    """`times` as likely between two profiles of one person as by chance; below 1 it speaks
    against. `is_close`: more than a family has in common."""

    kind: str
    detail: str
    times: float
    is_close: bool = True
