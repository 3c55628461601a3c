"""Who may download what: with a credential, with a link, in parts, and no longer than that."""

import csv
import io
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from crm_saas.exports import links
from crm_saas.exports.downloads import read_range
from crm_saas.exports.errors import RangeNotSatisfiable
from exports.making import Json, Shop, files_of
from factories.customers import create_stub
from factories.database import rows
from factories.tenants import make_tenant


@pytest.fixture
def ready(shop: Shop) -> Json:
    create_stub(shop.client)
    return shop.made()


def kind(answer: httpx.Response) -> str:
    return str(answer.json().get("type", "").rpartition("/")[2])


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None), ("bytes=0-", (0, 10)), ("bytes=2-4", (2, 5)), ("bytes=5-99", (5, 10)),
        ("bytes=-3", (7, 10)), ("bytes=-99", (0, 10)), ("bytes=9-9", (9, 10)),
        ("bytes=4-2", None), ("bytes=-", None), ("lines=1-2", None), ("bytes=1-2,4-5", None),
        ("bytes=a-b", None), ("bytes=0-" + "9" * 40, None),
    ],
)  # fmt: skip
def test_ranges(header: str | None, part: tuple[int, int] | None) -> None:
    assert read_range(header, 10) == part


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_ranges_that_no_file_has(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as raised:
        read_range(header, 10)
    assert raised.value.headers == {"Content-Range": "bytes */10"}


def test_a_download_goes_on_where_it_broke_off(shop: Shop, ready: Json) -> None:
    whole = shop.download(ready["link"])
    etag, size = whole.headers["ETag"], len(whole.content)
    assert whole.headers["Accept-Ranges"] == "bytes"
    rest = shop.download(ready["link"], Range="bytes=100-", **{"If-Range": etag})
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    assert rest.headers["Content-Range"] == f"bytes 100-{size - 1}/{size}"
    changed = shop.download(ready["link"], Range="bytes=100-", **{"If-Range": '"another"'})
    assert (changed.status_code, changed.content) == (200, whole.content)
    with_key = shop.client.get(f"/exports/{ready['id']}/file", headers={"Range": "bytes=0-4"})
    assert (with_key.status_code, with_key.content) == (206, whole.content[:5])
    beyond = shop.download(ready["link"], Range=f"bytes={size}-")
    assert (beyond.status_code, kind(beyond)) == (416, "range-not-satisfiable")
    assert beyond.headers["Content-Range"] == f"bytes */{size}"
    assert shop.kinds().count("export.downloaded") == 4


def test_no_transaction_waits_for_the_store(shop: Shop, ready: Json) -> None:
    """What was written before the store was asked stays so when the store fails."""
    for path in files_of(shop.tenant):
        path.unlink()
    before = shop.kinds().count("export.downloaded")
    for gone in (shop.client.get(f"/exports/{ready['id']}/file"), shop.download(ready["link"])):
        assert (gone.status_code, kind(gone)) == (410, "file-gone")
    assert shop.kinds().count("export.downloaded") == before + 2


def test_a_link_ends(shop: Shop, ready: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "LIFETIME", timedelta(seconds=-1))
    answer = shop.download(shop.look(ready)["link"])
    assert (answer.status_code, kind(answer)) == (410, "link-expired")


def test_a_link_that_was_changed_opens_nothing(shop: Shop, ready: Json) -> None:
    link = ready["link"]
    path, _, token = link.rpartition("/")
    for changed in (token[:-1], token + "A", token[:10] + "A" + token[11:], "A" * 500, "x", "é"):
        answer = shop.download(f"{path}/{changed}")
        assert (answer.status_code, kind(answer)) == (404, "export-not-found"), changed
    assert urlsplit(link).query == ""


def test_a_link_opens_for_as_long_as_its_holder_may(shop: Shop, ready: Json) -> None:
    clerk = shop.tenant.client(
        "owner", scopes=["customers:export", "customers:unmask", "keys:manage", "addresses:read"]
    )
    link = clerk.get(f"/exports/{ready['id']}").json()["link"]
    assert shop.download(link).status_code == 200
    keys = shop.tenant.client("owner").get("/keys").json()["items"]
    key = next(k["id"] for k in keys if k["scopes"])
    assert shop.tenant.client("owner").delete(f"/keys/{key}").status_code in {200, 204}
    assert shop.download(link).status_code == 404
    assert shop.download(ready["link"]).status_code == 200


def test_whose_scope_was_narrowed_gets_no_file_of_everybody(
    own_shop: Shop, superuser: psycopg.Connection
) -> None:
    """Neither one of somebody else's nor one of their own from before."""
    create_stub(own_shop.client)
    theirs = own_shop.made()
    other = own_shop.tenant.client("owner")
    link = other.get(f"/exports/{theirs['id']}").json()["link"]
    assert own_shop.download(link).status_code == 200
    waiting = own_shop.request()
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update org_api_keys set staff_scope = 'team'")
    superuser.commit()
    for opened in (link, theirs["link"]):
        assert own_shop.download(opened).status_code == 404
    for client in (own_shop.client, other):
        assert client.get(f"/exports/{theirs['id']}/file").status_code == 404
        assert client.get("/exports").json()["items"] == []
    own_shop.run_jobs()
    [(status, failure)] = rows(
        own_shop.tenant.server.settings,
        "select status, failure from org_exports where id = %s",
        waiting["id"],
    )
    assert status == "failed" and "may not see as much" in failure


def test_nobody_gets_more_than_they_see(shop: Shop, ready: Json) -> None:
    """A file that a manager asked for has phones whole; an auditor sees them masked."""
    auditor = shop.tenant.client("auditor")
    path = f"/exports/{ready['id']}"
    for attempt in (auditor.get(path), auditor.post(f"{path}/cancel"), auditor.get(f"{path}/file")):
        assert (attempt.status_code, kind(attempt)) == (404, "export-not-found")
    assert auditor.get("/exports").json()["items"] == []
    own = auditor.post("/exports", json={"format": "csv"}).json()
    shop.run_jobs()
    [row] = csv.DictReader(io.StringIO(auditor.get(f"/exports/{own['id']}/file").text))
    assert "****" in row["phone"]
    assert shop.client.get(f"/exports/{own['id']}/file").status_code == 200
    assert len(auditor.get("/exports").json()["items"]) == 1


def test_another_tenant_finds_nothing(shop: Shop, ready: Json) -> None:
    with make_tenant(shop.tenant.server) as other:
        client = other.client("owner")
        for attempt in (
            client.get(f"/exports/{ready['id']}"),
            client.get(f"/exports/{ready['id']}/file"),
            client.post(f"/exports/{ready['id']}/cancel"),
        ):
            assert (attempt.status_code, kind(attempt)) == (404, "export-not-found")
        assert client.get("/exports").json()["items"] == []
