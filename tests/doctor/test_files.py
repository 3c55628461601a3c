"""Whether files can be stored, asked of stores that are fine and of ones that are not."""

from pathlib import Path

import psycopg
import pytest

from crm_saas.doctor.files import files_check
from crm_saas.kit.settings import Settings


def faults(settings: Settings, nobody: psycopg.Connection | None = None) -> list[str]:
    return list(files_check(settings).find(nobody))  # type: ignore[arg-type]


def test_a_folder_that_takes_files(tmp_path: Path) -> None:
    settings = Settings(files_url=(tmp_path / "files").as_uri(), environment="production")
    assert faults(settings) == []
    assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [("", "CRM_FILES_URL is not set"), ("file:///proc/1/no", "No file can be stored"),
     ("nonsense", "must read")],
)  # fmt: skip
def test_what_takes_none(url: str, said: str) -> None:
    (fault,) = faults(Settings(files_url=url, environment="production"))
    assert said in fault
