"""The ZIP that a spreadsheet is, opened with care: small ones may hold much."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.limits import (
    DIRECTORY_BYTES_MAX,
    INFLATED_BYTES_MAX,
    INFLATION_CHECKED_FROM_BYTES,
    INFLATION_MAX,
    PARTS_MAX,
)

# The library holds the other methods to no size: a kilobyte of BZIP2 is a gigabyte at once.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


@contextmanager
def open_archive(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """Raises UnreadableFile, and what the library does."""
    with zipfile.ZipFile(cast(BinaryIO, _InPieces(file))) as archive:
        _check(archive)
        yield archive


def inflated_bytes(archive: zipfile.ZipFile) -> int:
    """As its parts declare; the library reads none of them past that."""
    return sum(part.file_size for part in archive.infolist())


def _check(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    inflated = inflated_bytes(archive)
    packed = sum(part.compress_size for part in parts)
    if len(parts) > PARTS_MAX or inflated > INFLATED_BYTES_MAX:
        raise UnreadableFile(
            f"The spreadsheet would unpack to {inflated:,} bytes in {len(parts):,} parts; "
            f"{INFLATED_BYTES_MAX:,} in {PARTS_MAX:,} can be read. Save it as CSV UTF-8."
        )
    if inflated > max(INFLATION_CHECKED_FROM_BYTES, packed * INFLATION_MAX):
        raise UnreadableFile(
            f"The spreadsheet would unpack to {inflated // max(packed, 1):,} times its size; real "
            "ones do not. Save it as CSV UTF-8."
        )
    if any(part.compress_type not in _METHODS for part in parts):
        raise UnreadableFile(
            "The spreadsheet is packed as no office program does it. Save it anew as XLSX, or as "
            "CSV UTF-8."
        )


class _InPieces:
    """A file of which nobody reads much at once.

    The library reads the list of parts whole and then makes an object of each, however many they
    are, before anybody can count them.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size < 0:  # the rest: the library reads the end of a file so, of 64 KiB
            size = DIRECTORY_BYTES_MAX + 1
        found = self._file.read(min(size, DIRECTORY_BYTES_MAX + 1))
        if len(found) > DIRECTORY_BYTES_MAX:
            raise UnreadableFile(
                "The spreadsheet lists more parts than any has. Save it as CSV UTF-8."
            )
        return found
