"""Files, in a folder and in a store that speaks S3."""

import asyncio
import os
import stat
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psutil
import pytest

from crm_saas.kit.errors import TooLarge
from crm_saas.kit.files import FileMissing, Files, FilesUnavailable, file_name
from crm_saas.kit.settings import Settings, SettingsError
from factories.stores import BUCKET, SIGNED, s3_store

MIB = 1024 * 1024
# The same in each process of a run, since they name tests.
TENANT, OTHER = UUID(int=1), UUID(int=2)

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with s3_store() as url:
        yield url


@pytest.fixture(params=["folder", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path, store: str) -> Iterator[Files]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": store,
        }.items():
            patch.setenv(name, value)
        folder = f"s3://{BUCKET}/{uuid4()}" if request.param == "s3" else tmp_path.as_uri()
        yield Files.from_settings(Settings(files_url=folder))


def name_of(tenant: UUID = TENANT) -> str:
    return file_name(tenant, "exports", uuid4())


async def stream(*chunks: bytes, then: Exception | None = None) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if then is not None:
        raise then


async def content(files: Files, name: str, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in files.read(name, start, stop)])


async def test_what_is_written_is_read(files: Files) -> None:
    name = name_of()
    for parts in ([], [b"one", b"", b"two"], [os.urandom(3 * MIB) for _ in range(4)]):
        whole = b"".join(parts)
        assert await files.write(name, stream(*parts), bytes_max=20 * MIB) == len(whole)
        assert await content(files, name) == whole
        assert await files.size(name) == len(whole)
        assert await content(files, name, 2) == whole[2:]
        assert await content(files, name, 2, 4) == whole[2:4]


async def test_a_file_is_there_whole_or_not_at_all(files: Files) -> None:
    name, part = name_of(), b"x" * 6 * MIB
    with pytest.raises(TooLarge, match="more than"):
        await files.write(name, stream(part, part), bytes_max=11 * MIB)
    for failure in (RuntimeError("mine"), ConnectionError("of the reader")):
        with pytest.raises(type(failure)):
            await files.write(name, stream(part, part, then=failure), bytes_max=20 * MIB)
    with pytest.raises(FileMissing):
        await content(files, name)
    await files.delete(name)


async def test_deleting_is_exact(files: Files) -> None:
    mine, also_mine, others = name_of(), file_name(TENANT, "imports", uuid4()), name_of(OTHER)
    for name in (mine, also_mine, others):
        await files.write(name, stream(b"text"), bytes_max=4)
    await files.delete_all(f"{TENANT}/exports")
    with pytest.raises(FileMissing):
        await files.size(mine)
    assert await files.size(also_mine) == 4
    await files.delete_all(str(TENANT))
    await files.delete_all(str(TENANT))
    with pytest.raises(FileMissing):
        await files.size(also_mine)
    assert await content(files, others) == b"text"


async def test_every_tenants_files_are_listed(files: Files) -> None:
    names = {name_of(), file_name(TENANT, "imports", uuid4()), name_of(OTHER)}
    for name in names:
        await files.write(name, stream(b"text"), bytes_max=4)
    listed = [file async for some in files.list_all() for file in some]
    assert {file.name for file in listed} == names
    assert all(abs(file.written_at.timestamp() - time.time()) < 3600 for file in listed)


@pytest.mark.parametrize(
    "name",
    ["", "..", f"{TENANT}/exports", f"{TENANT}/../{OTHER}/exports/{TENANT}",
     f"{TENANT}/a/{OTHER}#1", f"/{TENANT}/exports/{OTHER}",
     f"{TENANT}/exports/{OTHER}/", f"{TENANT}/ex ports/{OTHER}"],
)  # fmt: skip
async def test_names_that_lead_elsewhere_are_refused(files: Files, name: str) -> None:
    for attempt in (
        lambda: files.write(name, stream(b"x"), bytes_max=1),
        lambda: content(files, name),
        lambda: content(files, name, 0, 1),
        lambda: files.delete(name),
        lambda: files.delete_all(f"{name}/x"),
    ):
        with pytest.raises(ValueError, match="reads"):
            await attempt()


async def test_memory_stays_flat(files: Files) -> None:
    async def long(mebibytes: int) -> AsyncIterator[bytes]:
        for _ in range(mebibytes):
            yield bytes(MIB)

    name, process = name_of(), psutil.Process()
    await files.write(name, long(20), bytes_max=100 * MIB)
    before = process.memory_info().rss
    await files.write(name, long(90), bytes_max=100 * MIB)
    # The store of the tests copies the whole file for each part.
    async for _ in files.read(name, 80 * MIB):
        pass
    assert process.memory_info().rss - before < 40 * MIB


async def test_a_folder_is_ours_alone(tmp_path: Path) -> None:
    folder = tmp_path / "of" / "files"
    files, name = Files.from_settings(Settings(files_url=folder.as_uri())), name_of()
    await files.write(name, stream(b"x"), bytes_max=1)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert set(modes.values()) == {0o600, 0o700}
    assert modes[folder / name] == 0o600


async def test_what_a_dead_writer_left_is_removed(tmp_path: Path) -> None:
    files, name = Files.from_settings(Settings(files_url=tmp_path.as_uri())), name_of()
    await files.write(name, stream(b"x"), bytes_max=1)
    left = [tmp_path / f"{name}#1", tmp_path / f"{name_of()}#1", tmp_path / f"{name_of()}#2"]
    for path in left:
        path.write_bytes(b"half")
    os.utime(left[1], (time.time() - 90_000,) * 2)
    await files.forget_abandoned()
    assert [path.exists() for path in left] == [True, False, True]
    await files.delete(name)
    assert [path.exists() for path in left] == [False, False, True]
    await files.delete_all(str(TENANT))
    assert not (tmp_path / str(TENANT)).exists()


async def test_a_store_that_fails_says_so_and_not_where_it_is(tmp_path: Path) -> None:
    blocked = tmp_path / "no folder"
    blocked.write_bytes(b"")
    with pytest.raises(FilesUnavailable) as raised:
        Files.from_settings(Settings(files_url=(blocked / "below").as_uri()))
    assert str(tmp_path) not in str(raised.value)


async def test_a_bucket_that_is_gone(store: str, files: Files) -> None:
    if type(files) is not Files:
        pytest.skip("a folder has none")
    lost = Files.from_settings(Settings(files_url="s3://lost"))
    with pytest.raises((FilesUnavailable, FileMissing)) as raised:
        await lost.write(name_of(), stream(b"x"), bytes_max=1)
    assert "lost" not in str(raised.value)
    uploads = await asyncio.to_thread(
        httpx.get, f"{store}/{BUCKET}?uploads", headers=SIGNED, timeout=10
    )
    assert "<UploadId>" not in uploads.text


@pytest.mark.parametrize("url", ["/folder", "s3:bucket", "file://host/x", "file:", "http://x/y"])
async def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(SettingsError, match="CRM_FILES_URL must read"):
        Files.from_settings(Settings(files_url=url))
