"""What speaks for or against two profiles being one person's."""

from typing import NamedTuple


class Ground(NamedTuple):
    """`times` as likely between two profiles of one person as by chance; below 1 it speaks
    against."""

    kind: str
    detail: str
    times: float
