"""Other ways in: paths, methods, posts from other sites. None opens what the plain way does not."""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from assurance import Reached
from factories.customers import create_guest
from factories.requests import operations
from factories.servers import Server
from factories.tenants import TestTenant

REFUSED = {400, 401, 403, 404, 405, 413, 414, 415, 422}
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL",
             "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Forwarded-Path",
             "X-Original-Host")  # fmt: skip
METHODS = ("HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "QUERY", "FOO", "get", "Post")
ORIGIN = "https://evil.example"


def ask(server: Server, target: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """The target as it is, byte for byte: a client would tidy it first."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), (head + b"\r\n\r\n" + body).decode("utf-8", "replace")


def spellings(path: str) -> Iterator[str]:
    """Of one path: what some servers and proxies take for it."""
    last = path.rpartition("/")[2]
    head = path.removesuffix(last)
    yield from (f"{path}/", f"{path}//", f"/{path}", path.replace("/", "//"), f"{path}/.")
    yield from (
        f"{path}%2f",
        f"{path}%00",
        f"{path};a=b",
        f"{path}/;",
        f"{path}.json",
        f"{path}%20",
    )
    yield from (
        f"{head}./{last}",
        f"{head}x/../{last}",
        f"{head}%2e/{last}",
        f"{head}%2e%2e/{last}",
    )
    yield from (f"{head}..;/{last}", f"{head}%252e%252e/{last}", f"{head}..%2f{last}")
    yield from (path.upper(), path.title(), path.replace("/", "\\"), path.replace("/", "%2f"))
    yield from (path.replace("/", "%5c"), f"{path}?", f"{path}#", f"{path}%0a", f"{path}%0d%0aX: y")
    yield from (
        f"/health/live/..{path}",
        f"/api/v1/docs/..{path}",
        f"/api/v1/docs/assets/../../..{path}",
    )
    yield from (f"/api/v1/docs/assets/%2e%2e/%2e%2e{path}", f"/./{path[1:]}", f"/api/v1/..{path}")
    yield from (f"/api/v2{path.removeprefix('/api/v1')}", f"//evil.example{path}", f"{path}\u00e9")
    yield "".join(f"%{ord(letter):02x}" if letter.isalpha() else letter for letter in path)


@pytest.fixture
def document(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{server.url}/api/v1/openapi.json", timeout=30).json()
    return found


def guarded(document: dict[str, Any]) -> list[str]:
    """Every path that needs a credential, with something in its slots."""
    nobody = "00000000-0000-7000-8000-000000000000"
    paths = {
        path: None for _, _, path, operation in operations(document) if "security" not in operation
    }
    return ["".join(_filled(path, nobody)) for path in paths]


def _filled(path: str, value: str) -> Iterator[str]:
    for part in path.split("/")[1:]:
        yield "/" + (value if part.startswith("{") else part)


def test_no_spelling_of_a_path_opens_it(
    server: Server, document: dict[str, Any], reached: Reached
) -> None:
    tried = 0
    for path in guarded(document):
        assert ask(server, path)[0] in {401, 405}
        for spelling in spellings(path):
            status, text = ask(server, spelling)
            assert status in REFUSED, (spelling, status, text[:300])
            tried += 1
    reached("spellings of guarded paths", tried)


def test_a_credential_opens_no_more_by_another_spelling(
    server: Server, tenant: TestTenant, other_tenant: TestTenant
) -> None:
    theirs = create_guest(other_tenant.client("owner"))["id"]
    key = tenant.key("pos")
    for path in (f"/api/v1/customers/{theirs}", "/api/v1/audit", "/api/v1/keys"):
        for spelling in spellings(path):
            status, text = ask(server, spelling, Authorization=f"Bearer {key}")
            assert status in REFUSED, (spelling, status, text[:300])


def test_a_whole_url_is_the_path_alone(server: Server, tenant: TestTenant) -> None:
    """Absolute form (RFC 9112, 3.2.2): whatever host it names, the same doors."""
    for target in ("http://evil.example/api/v1/auth/me", f"{server.url}/api/v1/auth/me"):
        assert ask(server, target)[0] in REFUSED
    for target in ("*", "evil.example:443", "api/v1/auth/me", "", "http://"):
        assert ask(server, target)[0] in REFUSED
        assert ask(server, target, method="OPTIONS")[0] in REFUSED


def test_other_methods_are_refused(server: Server, tenant: TestTenant) -> None:
    key = f"Bearer {tenant.key('owner')}"
    for method in METHODS:
        for path in ("/api/v1/customers", "/health/live", "/api/v1/docs", "/nothing"):
            for headers in ({}, {"Authorization": key}):
                status, text = ask(server, path, method=method, **headers)
                assert status in REFUSED, (method, path, text[:300])


def test_a_header_does_not_change_method_or_path(server: Server, tenant: TestTenant) -> None:
    guest = create_guest(tenant.client("owner"))["id"]
    key = f"Bearer {tenant.key('owner')}"
    for header in OVERRIDES:
        for value in ("DELETE", "PATCH", f"/api/v1/customers/{guest}", "/api/v1/keys"):
            path = f"/api/v1/customers/{guest}"
            status, text = ask(server, path, Authorization=key, **{header: value})
            assert status == 200 and f'"id":"{guest}"' in text, (header, value)
            assert ask(server, "/health/live", Authorization=key, **{header: value})[0] == 200
    found = tenant.client("owner").get(f"/customers/{guest}").json()
    assert (found["status"], found["displayName"]) == ("active", "Guest")


SIMPLE_TYPES = (
    # What a page of another site may send without asking (Fetch, CORS-safelisted request-header).
    "text/plain", "text/plain;charset=UTF-8", "text/plain; application/json",
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "*/*",
    # What is no JSON of ours either.
    "text/json", "application/json-patch+json", "application/vnd.api+json", "application/xml",
    "application/msgpack", "application/csp-report", "text/plain, application/json", "json",
)  # fmt: skip


@pytest.mark.parametrize("media_type", SIMPLE_TYPES)
def test_a_post_of_another_site_changes_nothing(media_type: str, tenant: TestTenant) -> None:
    """Even with a credential, which no browser adds by itself: there are no cookies."""
    client = tenant.client("owner")
    before = client.get("/customers", params={"total": "true"}).json()["total"]
    bodies = (b'{"type": "guest"}', b"type=guest", b'{"type":"guest","x":"=', b"{}")
    for body in bodies:
        for path in ("/customers", "/customers/find-or-create", "/auth/login", "/keys"):
            answer = client.post(
                path,
                content=body,
                headers={
                    "Content-Type": media_type,
                    "Origin": ORIGIN,
                    "Sec-Fetch-Site": "cross-site",
                },
            )
            assert answer.status_code in REFUSED, (path, answer.text)
            assert answer.status_code == 415 or answer.status_code < 415
            assert not answer.headers.get("set-cookie")
    assert client.get("/customers", params={"total": "true"}).json()["total"] == before


@pytest.mark.parametrize(
    "charset", ["utf-16", "utf-7", "iso-8859-1", "windows-1252", "utf-8; charset=utf-16", "x" * 500]
)
def test_a_body_of_another_charset_is_not_guessed(charset: str, tenant: TestTenant) -> None:
    """JSON is UTF-8, whatever the header claims (RFC 8259, 8.1)."""
    client = tenant.client("owner")
    for encoding in ("utf-16", "utf-16-le", "utf-32", "latin-1"):
        answer = client.post(
            "/customers",
            content='{"type": "stub", "name": "é", "phone": "+96890000000"}'.encode(encoding),
            headers={"Content-Type": f"application/json; charset={charset}"},
        )
        assert answer.status_code in REFUSED, (encoding, answer.text)


def test_no_other_site_may_read_an_answer(server: Server, tenant: TestTenant) -> None:
    """No preflight is granted and no answer is shared: browsers keep both from the page."""
    key = f"Bearer {tenant.key('owner')}"
    for origin in (ORIGIN, "null", server.url, "http://localhost", "https://crm.example.evil"):
        for path in ("/api/v1/customers", "/api/v1/auth/login", "/health/live", "/nothing"):
            status, text = ask(
                server, path, method="OPTIONS", Origin=origin,
                Access_Control_Request_Method="POST",
                Access_Control_Request_Headers="authorization,content-type",
                Access_Control_Request_Private_Network="true",
            )  # fmt: skip
            assert status in REFUSED
            assert "access-control-" not in text.lower()
            _, text = ask(server, path, Origin=origin, Authorization=key)
            assert "access-control-" not in text.lower()
            assert "set-cookie" not in text.lower()
