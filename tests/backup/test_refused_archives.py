"""What is no archive of this place is refused in a sentence, and leaves nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backup.contents import rewritten
from backup.stock import Stock, refused
from crm_saas.backup.archive import MANIFEST
from crm_saas.kit.settings import Settings
from factories.database import new_database


@pytest.fixture(scope="module")
def settings(owner_url: str, stock: Stock) -> Iterator[Settings]:
    """One database for all of them: whoever is refused leaves nothing."""
    with new_database(owner_url, "backup", stock.database) as url:
        yield Settings(database_url=url)


def altered_row(name: str, held: bytes) -> bytes:
    return held.replace(b"Zahra", b"Zahrb") if name == "org_customers_mst.copy" else held


def other_slug(name: str, held: bytes) -> bytes:
    return held.replace(b'"shop"', b'"shot"') if name == MANIFEST else held


def newer_format(name: str, held: bytes) -> bytes:
    return held.replace(b'"format": 1', b'"format": 2') if name == MANIFEST else held


def one_file_less(name: str, held: bytes) -> bytes | None:
    return None if name == "org_teams.copy" else held


def no_manifest(name: str, held: bytes) -> bytes | None:
    return None if name == MANIFEST else held


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (altered_row, "org_customers_mst is not what the manifest says"),
        (other_slug, "was altered, or comes from an installation with other master keys"),
        (newer_format, "has the format 2, and this version reads 1"),
        (one_file_less, "does not hold the files"),
        (no_manifest, "is none of `crm-saas tenants export`"),
    ],
)
def test_an_archive_that_is_not_what_it_says(
    change: Callable[[str, bytes], bytes | None],
    said: str,
    stock: Stock,
    settings: Settings,
    tmp_path: Path,
) -> None:
    refused(settings, rewritten(stock.archive, tmp_path, change), said)


@pytest.mark.parametrize("share", [0, 0.3, 0.999])
def test_a_cut_archive(share: float, stock: Stock, settings: Settings, tmp_path: Path) -> None:
    whole = stock.archive.read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole[: int(len(whole) * share)])
    refused(settings, cut, "or was cut")


def test_a_bit_that_the_disk_turned(stock: Stock, settings: Settings, tmp_path: Path) -> None:
    whole = bytearray(stock.archive.read_bytes())
    whole[len(whole) // 2] ^= 0x10
    turned = tmp_path / "turned.zip"
    turned.write_bytes(whole)
    refused(settings, turned, "the archive: ")


def test_no_archive_at_all(stock: Stock, settings: Settings, tmp_path: Path) -> None:
    refused(settings, tmp_path / "nothing.zip", "cannot be read: No such file")
    refused(settings, tmp_path, "cannot be read: Is a directory")


def test_another_installations(stock: Stock, settings: Settings) -> None:
    others = Settings(database_url=settings.database_url, master_keys={1: bytes(32)})
    refused(others, stock.archive, "other master keys")
    newer = Settings(database_url=settings.database_url, master_keys={2: bytes(32)})
    refused(newer, stock.archive, "the master key 1, which CRM_MASTER_KEYS does not have")


def test_a_place_that_is_taken(stock: Stock, settings: Settings) -> None:
    refused(settings, stock.archive, "This tenant is here, as `shop`", slug=None)
    refused(settings, stock.archive, "Another tenant has the slug `neighbour`", slug="neighbour")
    refused(settings, stock.archive, "--as: must be", slug="No Slug")
