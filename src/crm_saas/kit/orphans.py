"""A process of the server does not outlive the one that started it.

Killed outright, the parent takes nobody along: its children would go on serving, with nobody to
replace or stop them, and would keep the port from the server that is started in their place.
"""

import multiprocessing
import os
import threading
from multiprocessing.connection import wait

_ORPHANED = 70  # EX_SOFTWARE


def end_with_parent() -> None:
    """From now on; does nothing in a process that nobody started through multiprocessing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(
            target=_end_after, args=(parent.sentinel,), name="parent watcher", daemon=True
        ).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    # At once, as the parent did: an orderly end would hold the port for as long as it takes.
    # What was being done rolls back, or was committed and is answered again under its key.
    os._exit(_ORPHANED)
