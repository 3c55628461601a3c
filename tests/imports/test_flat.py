"""A spreadsheet is made into lines once a job, and read on from where the last one stopped."""

import io
import subprocess
from collections.abc import Callable
from tempfile import TemporaryFile

import httpx
import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_saas.imports import flat
from crm_saas.imports.apart import check_end, process_of
from crm_saas.imports.errors import UnreadableFile
from crm_saas.imports.runs import Cancelled
from crm_saas.imports.tables import Row
from factories.customers import new_phone
from factories.imports import XLSX, Importing, upload
from factories.tenants import TestTenant
from imports.bombs import sheet, with_row
from imports.test_going_on import work_for
from imports.workbooks import workbook


async def nobody_asks() -> None:
    pass


@given(
    st.lists(st.tuples(st.integers(1, 300), st.text('a\n"', max_size=9)), max_size=30),
    st.integers(0, 320),
)
def test_lines_are_found_from_any_row_on(cells: list[tuple[int, str]], number: int) -> None:
    rows = [Row(row, [text]) for row, text in sorted(dict(cells).items())]
    lines = io.BytesIO(b"".join(msgspec.json.encode((*row, [])) + b"\n" for row in rows))
    assert list(flat.rows_after(lines, number)) == [row for row in rows if row.number > number]


@pytest.mark.anyio
async def test_lines_are_the_rows_of_the_table() -> None:
    content = with_row('<row r="5"/><row r="6"><c><v>7</v></c><c/><c><v>8</v></c></row>')
    with TemporaryFile() as file:
        file.write(content)
        with await flat.flatten(file, nobody_asks) as lines:
            assert lines.read() == b'[1,["Name"],[]]\n[6,["7","8"],[]]\n'


@pytest.mark.anyio
async def test_what_cannot_be_read_to_its_end_is_not_begun() -> None:
    content = with_row("<row><c><v>7</v></c></row></wrong>")
    with TemporaryFile() as file:
        file.write(content)
        with pytest.raises(UnreadableFile, match="damaged"):
            await flat.flatten(file, nobody_asks)


def test_lines_have_so_much_room() -> None:
    with TemporaryFile() as file, TemporaryFile() as target:
        file.write(with_row("<row><c><v>7</v></c></row>" * 1_000))
        command, how = process_of(file, 20, as_table=True)
        short = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *command]
        ended = subprocess.run(short, stdout=target, check=False, **how)
        with pytest.raises(UnreadableFile, match="more room"):
            check_end(ended.returncode)


@pytest.mark.anyio
async def test_lines_have_so_much_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flat, "READING_SECONDS_MAX", 0.01)
    with TemporaryFile() as file:
        file.write(with_row("<row/>" * 100_000))
        with pytest.raises(UnreadableFile, match="more time"):
            await flat.flatten(file, nobody_asks)


def test_each_slice_gets_on(
    own: TestTenant, api: httpx.Client, run_jobs: Callable[[], None]
) -> None:
    """Also where to make the lines takes longer than a slice is."""
    rows = [["Name", "Phone"], *(["Amal", new_phone()] for _ in range(3))]
    importing = Importing(api, run_jobs, upload(api, workbook(rows), XLSX)["id"])
    importing.start("run")
    work_for(own, importing, 0.05)
    assert importing.state["progress"]["rowsRead"] == 4
    run_jobs()
    assert importing.counts == {"created": 3}
    assert importing.result()[1][-3] == "created"


@pytest.mark.anyio
async def test_it_can_be_cancelled_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flat, "ASK_SECONDS", 0.01)
    readers: list[psutil.Process] = []

    async def cancel() -> None:
        readers.extend(psutil.Process().children())
        raise Cancelled

    with TemporaryFile() as file:
        file.write(workbook([], sheet=sheet("<row/>" * 1_000_000)))
        with pytest.raises(Cancelled):
            await flat.flatten(file, cancel)
    [reader] = [child for child in readers if not child.is_running() or "table" in child.cmdline()]
    assert not reader.is_running()
