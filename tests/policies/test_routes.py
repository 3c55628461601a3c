"""Every route of the application, asked by one tenant for the things of another.

The answer must be what it is for things that nobody has, and the other's rows must stay as they
were, to the byte. Routes and tables enter by themselves; see tests/factories/requests.py.
"""

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from crm_saas.access.roles import ROLES
from crm_saas.app import create_litestar
from crm_saas.kit.context import ANY_CREDENTIAL
from crm_saas.kit.schema import tenant_tables
from crm_saas.kit.settings import Settings
from factories.belongings import Belongings, Thing, furnish, nobody
from factories.requests import FRESH, Call, Slot, calls_of, operations
from factories.sent import statements_changed
from factories.servers import Server
from factories.tenants import make_tenant

LITESTAR = create_litestar(Settings(database_url="postgresql://nobody@127.0.0.1:1/none"))
DOCUMENT: dict[str, Any] = LITESTAR.openapi_schema.to_schema()
HANDLERS = {
    handler.handler_name: handler
    for route in LITESTAR.routes
    for handler in getattr(route, "route_handlers", [])
    if not handler.http_methods <= {"OPTIONS"}
}
OPERATIONS = {name: (method, path) for name, method, path, _ in operations(DOCUMENT)}
GUARDED = [name for name in OPERATIONS if not HANDLERS[name].opt.get("public")]

PUBLIC = {"live", "ready", "log_in", "twilio_callback", "download_export"}
# Outside the document: the pages that show it.
PAGES = r"/api/v1(/docs(/assets/\{file_path:path\})?|/openapi\.json)?"

# Bodies where the document's example cannot succeed.
BODIES: dict[str, Any] = {
    "dismiss_duplicates": {"ids": [Slot("suggestion")]},
    "log_in": {"email": Slot("staff_email"), "password": "wrong password"},
    "upgrade_customer": {"type": "stub", "name": FRESH, "phone": Slot("phone")},
    "create_custom_field": {"key": FRESH, "label": "A field", "kind": "text"},
}
NAMES: dict[str, Any] = {"upgrade_customer": {"customer_id": Slot("guest")}}
# Sessions are of people; a key has none.
OF_STAFF = {"log_out", "list_sessions", "revoke_session"}
# Calls that cannot succeed with one's own things either: the status, and why.
REFUSED = {
    "log_in": (401, "the password is wrong on purpose"),
    "verify_otp": (422, "the code is wrong"),
    "twilio_callback": (403, "nobody but Twilio can sign it"),
    "read_export_file": (409, "no worker makes it here"),
    "download_export": (404, "nobody but us can sign a link"),
    "upload_import": (422, "an empty body is no file"),
    "cancel_import": (409, "nothing works on it"),
    "revert_import": (409, "it was not run"),
    "download_import_result": (409, "it was not run"),
}


@dataclass
class World:
    """Two tenants with rows in every table; `ours` asks for what `theirs` has."""

    server: Server
    ours: Belongings
    theirs: Belongings
    credentials: dict[str, httpx.Client]

    def their_rows(self) -> list[tuple[str, str]]:
        with psycopg.connect(self.server.settings.url("crm_platform")) as platform:
            return [
                (table, row)
                for table in tenant_tables(platform)
                for (row,) in platform.execute(
                    f"select t::text from {table} t where tenant_org_id = %s order by 1".encode(),
                    [self.theirs.tenant.id],
                )
            ]


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[World]:
    with two_tenants(server) as made:
        yield made


@contextmanager
def two_tenants(server: Server) -> Iterator[World]:
    with (
        make_tenant(server) as a,
        make_tenant(server, number_prefix="BEE-") as b,
    ):
        ours, theirs = furnish(a, "Amber"), furnish(b, "Beeswax")
        theirs.keep()
        credentials = {
            "owner": a.client("owner"),
            "pos": a.client("pos"),
            "staff": ours.signed_in(),
        }
        yield World(server, ours, theirs, credentials)


def test_the_other_tenant_has_rows_in_every_table(world: World) -> None:
    with psycopg.connect(world.server.settings.url("crm_platform")) as platform:
        assert {table for table, _ in world.their_rows()} == set(tenant_tables(platform))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_another_tenants_things_answer_as_nobodys(operation: str, world: World) -> None:
    before = unasked(world)

    for call in calls(operation):
        for foreign, (credential, client) in itertools.product(
            foreign_parts(call), world.credentials.items()
        ):
            if foreign:
                theirs = send(client, call, mixed(world, foreign, world.theirs.theirs()), world)
                nobodys = send(client, call, mixed(world, foreign, nobody()), world)
                assert theirs == nobodys, (operation, call.added, foreign, credential)
            elif operation != "log_out":
                send(client, call, nobody(), world)

    assert unasked(world) == before


def unasked(world: World) -> list[tuple[str, str]]:
    """Once a minute their server writes down when their own keys were used."""
    return [(table, row) for table, row in world.their_rows() if table != "org_api_key_uses"]


@pytest.mark.parametrize("operation", ["read_customer", "edit_customer", "read_merge"])
def test_the_walk_finds_a_leak(
    operation: str, fresh_server: Server, owner_connection: psycopg.Connection
) -> None:
    """Either lock alone keeps the tenants apart; with both of them broken, the walk says so."""
    with two_tenants(fresh_server) as world, without_tenant_conditions():
        test_another_tenants_things_answer_as_nobodys(operation, world)
        for table in tenant_tables(owner_connection):
            owner_connection.execute(f"alter table {table} disable row level security".encode())
        with pytest.raises(AssertionError):
            test_another_tenants_things_answer_as_nobodys(operation, world)


@contextmanager
def without_tenant_conditions() -> Iterator[None]:
    """The statements of the application without `tenant_org_id = …`."""

    def strip(statement: str) -> str:
        return _TENANT_CONDITION.sub(r"\1 is not null", statement)

    with statements_changed(strip):
        yield


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_same_calls_work_with_ones_own_things(operation: str, world: World) -> None:
    """Otherwise the test above would compare refusals of malformed requests."""
    for call in calls(operation):
        client = world.ours.signed_in() if operation in OF_STAFF else world.credentials["owner"]
        new = world.ours.new()
        if operation == "start_sweep":
            new("sweep")  # which ends the one that the walk above has left running
        answer = client.request(**prepared(call, world, new))
        expected = {REFUSED[operation][0]} if operation in REFUSED else {200, 201, 202, 204}
        assert answer.status_code in expected, (
            f"{operation} {call.added} with things of the tenant's own answered "
            f"{answer.status_code}: {answer.text}\nGive it a body in BODIES, or a line in REFUSED."
        )


def test_no_row_of_ours_names_a_thing_of_theirs(world: World) -> None:
    """After the walk: nothing of theirs was referred to. The trail may tell what was asked for,
    and so may bulk work, of those whom it did not find."""
    with psycopg.connect(world.server.settings.url("crm_platform")) as platform:
        ours = [
            row
            for table in tenant_tables(platform)
            if table not in {"org_events", "org_bulk_jobs"}
            for (row,) in platform.execute(
                f"select t::text from {table} t where tenant_org_id = %s".encode(),
                [world.ours.tenant.id],
            )
        ]
    ids = world.theirs.ids()
    assert [row for row in ours if any(i in row for i in ids)] == []


@pytest.mark.parametrize("operation", GUARDED)
def test_another_tenants_cursor_is_as_good_as_a_made_up_one(operation: str, world: World) -> None:
    described = next(o for name, _, _, o in operations(DOCUMENT) if name == operation)
    if not any(p.get("name") == "cursor" for p in described.get("parameters", [])):
        return
    call = next(calls(operation))
    page = prepared(call, world, world.theirs.theirs())
    cursor = world.theirs.client.request(**page | {"params": page["params"] | {"limit": 1}}).json()[
        "nextCursor"
    ]
    if cursor is None:
        return
    answers = []
    for tried in (cursor, cursor[:-4] + ("AAAA" if cursor[-4:] != "AAAA" else "BBBB")):
        own = prepared(call, world, world.ours.new())
        own["params"] |= {"cursor": tried, "limit": 1}
        answers.append(seen(world.credentials["owner"].request(**own), own))
    assert answers[0] == answers[1]
    assert answers[0][0] in {400, 422}


@pytest.mark.parametrize("operation", GUARDED)
def test_no_other_tenant_can_be_named(operation: str, world: World) -> None:
    """`X-Tenant` of another tenant is refused as that of none is, whatever the route."""
    call = next(calls(operation))
    for client in world.credentials.values():
        answers = []
        for slug in (world.theirs.tenant.slug, "no-such-tenant"):
            sent = prepared(call, world, nobody())
            answers.append(seen(client.request(**sent, headers={"X-Tenant": slug}), sent))
        assert answers[0] == answers[1]
        assert answers[0][0] in {401, 403, 404}


def test_what_is_public_is_declared_here() -> None:
    public = {name for name, handler in HANDLERS.items() if handler.opt.get("public")}
    pages = {
        handler.handler_name
        for route in LITESTAR.routes
        for handler in getattr(route, "route_handlers", [])
        if re.fullmatch(PAGES, route.path)
    }
    assert public - pages == PUBLIC
    assert set(HANDLERS) - pages == set(OPERATIONS), "a route is missing from the document"


@pytest.mark.parametrize("operation", GUARDED)
@pytest.mark.parametrize("key", [None, "crm_made_up_key"])
def test_without_a_credential_nothing_is_answered(
    operation: str, key: str | None, world: World
) -> None:
    call = next(calls(operation))
    with world.server.client(key) as client:
        answer = client.request(**prepared(call, world, nobody()))
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("operation", GUARDED)
def test_a_role_that_lacks_the_permission_is_refused(operation: str, world: World) -> None:
    permission = HANDLERS[operation].opt["permission"]
    if permission == ANY_CREDENTIAL:
        return
    lacking = [role for role, permissions in ROLES.items() if permission not in permissions]
    assert lacking, f"every role may {permission}"
    call = next(calls(operation))
    for role in lacking:
        client = world.ours.tenant.client(role)
        assert client.request(**prepared(call, world, nobody())).status_code == 403, role


def calls(operation: str) -> Iterator[Call]:
    return calls_of(DOCUMENT, operation, BODIES.get(operation), NAMES.get(operation))


def foreign_parts(call: Call) -> list[set[str]]:
    """Which slots are another's: all of them, and each alone among one's own."""
    if not call.kinds:
        return [set()]
    alone = [{kind} for kind in call.kinds] if len(call.kinds) > 1 else []
    return [set(call.kinds), *alone]


def mixed(world: World, foreign: set[str], stranger: Thing) -> Thing:
    own = world.ours.new()
    return lambda kind: stranger(kind) if kind in foreign else own(kind)


def prepared(call: Call, world: World, thing: Thing) -> dict[str, Any]:
    """Arguments for httpx; a path outside the API is absolute."""
    sent = call.fill(thing)
    if not call.path.startswith("/api/v1"):
        sent["url"] = world.server.url + call.path
    return sent


def send(client: httpx.Client, call: Call, thing: Thing, world: World) -> Any:
    sent = prepared(call, world, thing)
    answer = client.request(**sent)
    assert answer.status_code < 500, answer.text
    said = json.dumps([sent["url"], sent["params"], sent.get("json")])
    for secret in {world.theirs.mark, *world.theirs.ids()}:
        assert secret not in answer.text or secret in said, f"tells {secret}: {answer.text}"
    return seen(answer, sent)


_TENANT_CONDITION = re.compile(r"\w+\.tenant_org_id = (%\(\w+\)s::UUID)", re.IGNORECASE)
_VOLATILE = {
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}": "<id>",
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?": "<time>",
    r"[\w-]+@(staff\.)?example(\.com)?": "<email>",
    r"probe-[0-9a-f]{12}": "<word>",
    r"\+968\d{8}": "<phone>",
    r"(CUST|BEE|NOB)-\d+": "<number>",
    r'"(key|hint|verificationToken)":"[^"]*"': "<secret>",
    r'"requestId":"[^"]*"': "<request>",
}


def seen(answer: httpx.Response, sent: dict[str, Any]) -> tuple[int, str, list[str]]:
    """Status, body and names of the headers, without what differs from request to request."""
    text = answer.text
    if sent["method"] == "GET" and answer.status_code == 200 and not _asks_for_something(sent):
        text = ""  # what the tenant has by now
    for pattern, word in _VOLATILE.items():
        text = re.sub(pattern, word, text)
    return answer.status_code, text, sorted(itertools.chain(answer.headers.keys()))


def _asks_for_something(sent: dict[str, Any]) -> bool:
    return bool(sent["params"]) or re.search(r"[0-9a-f]{12}|-\d{5}", sent["url"]) is not None
