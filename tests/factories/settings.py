"""Settings for tests, which all come from one address."""

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

from crm_saas.kit.settings import Settings

ROOMY = {
    "requests_per_minute_key": 1_000_000,
    "requests_per_minute_tenant": 1_000_000,
    "requests_per_minute_address": 1_000_000,
}

_FOLDER = Path(tempfile.mkdtemp(prefix="crm-files-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
FILES_URL = (_FOLDER / "files").as_uri()


def roomy_settings(database_url: str, **changes: Any) -> Settings:
    """Budgets of requests that no test exhausts unless it says so, and a folder for files."""
    return Settings(database_url=database_url, **(ROOMY | {"files_url": FILES_URL} | changes))
