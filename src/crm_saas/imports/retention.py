"""How long files and rows of imports are kept."""

from datetime import UTC, datetime, timedelta

PARKED_DAYS = 7
DONE_DAYS = 30
# Then it is listed without them, and forgotten in the end: who started it, and the file's name.
LISTED_DAYS = 30
# Work that has counted nothing for so long has no job any more: it failed as often as it may.
LOST_AFTER = timedelta(days=1)
# Whose work is on: the job ends it, or somebody cancels it.
BUSY = ("checking", "running", "reverting")


def expiry(status: str) -> datetime:
    days = PARKED_DAYS if status in {"uploaded", "checked"} else DONE_DAYS
    return datetime.now(UTC) + timedelta(days=days)
