class Unmeasured(Exception):
    """An item that cannot be measured here; the text says why."""
