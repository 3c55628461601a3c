"""Every fault that is planted in a copy of the code; docs/isolation.md shows the list."""

from planted import database, requests, rows
from planted.fault import Fault

FAULTS: tuple[Fault, ...] = (*requests.FAULTS, *rows.FAULTS, *database.FAULTS)
