import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crm_saas.kit.ids import new_id
from crm_saas.kit.texts import READABLE, UNREADABLE, tidy_line
from factories.customers import create_stub, new_phone
from factories.requests import operations
from factories.servers import Server
from factories.tenants import TestTenant

RLO = "\u202e"

# Strings of requests that nobody reads later as they came, with the reason.
NOT_SHOWN = {
    "phone": "read as digits (kit/phones.py)",
    "email": "read as an address (kit/emails.py)",
    "password": "hashed",
    "code": "compared",
    "otpCode": "compared",
    "verificationToken": "checked by its signature",
    "country": "one of ISO 3166-1 (addresses/countries.py)",
    "scopes": "one of those that the role has",
    "idempotencyKey": "printable (onboarding/batch.py)",
    "preferences": "JSON of the tenant's own programs",
}


# Is compared with what people read, and shown to nobody but whoever sent it.
SEARCHED_FOR = {"CustomerFilter"}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Amal\u200e  Al\u200bBalushi\ufeff ", "Amal AlBalushi"),
        ("\u200fأَمَل\u200f", "أَمَل"),
        ("مـــحمد", "مـــحمد"),  # tatweel
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian joins no letters here
        ("क\u094d\u200dष", "क\u094d\u200dष"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("Am\u200d \u200cal\u200d", "Am al"),
        ("\u3164\u2800", ""),
        ("Nguye\u0302\u0303n", "Nguyễn"),
        ("Аmаl", "Аmаl"),  # Cyrillic letters are somebody's
    ],
)
def test_what_came_along_unseen_is_dropped_and_what_shapes_letters_stays(
    typed: str, kept: str
) -> None:
    assert tidy_line(typed) == unicodedata.normalize("NFC", kept)


@pytest.mark.parametrize(
    "sign", ["\u202a", RLO, "\u2066", "\u206a", "\ufff9", "\U000e0041", "\x1b"]
)
def test_what_deceives_is_refused(sign: str) -> None:
    with pytest.raises(ValueError, match=re.escape(UNREADABLE)):
        tidy_line(f"Amal{sign}lamA")
    assert not re.search(READABLE, f"Amal{sign}lamA")


def test_marks_do_not_climb_over_other_lines() -> None:
    assert tidy_line("a" + "\u0321" * 6)
    with pytest.raises(ValueError, match="marks"):
        tidy_line("a" + "\u0321" * 7)


def test_every_text_that_people_read_says_what_it_may_hold(server: Server) -> None:
    """A new string of a request has READABLE, a form of its own, or a line in NOT_SHOWN."""
    document = httpx.get(f"{server.url}/api/v1/openapi.json", timeout=30).json()
    schemas = document["components"]["schemas"]
    open_ended = {
        name
        for _, _, _, operation in operations(document)
        for media in operation.get("requestBody", {}).get("content", {}).values()
        for name, schema in strings(schemas, media["schema"], "", set())
        if not {"pattern", "format", "enum", "const"} & schema.keys()
    }
    assert open_ended - NOT_SHOWN.keys() - {""} == set()


def strings(
    schemas: dict[str, Any], schema: Any, name: str, met: set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each string in a schema, with the name of the member that holds it."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        reference = schema["$ref"].rpartition("/")[2]
        if reference not in met | SEARCHED_FOR:
            yield from strings(schemas, schemas[reference], name, met | {reference})
        return
    if schema.get("type") == "string":
        yield name, schema
    for word in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(word, ()):
            yield from strings(schemas, part, name, met)
    if "items" in schema:
        yield from strings(schemas, schema["items"], name, met)
    for member, part in schema.get("properties", {}).items():
        yield from strings(schemas, part, member, met)


def test_a_name_that_turns_text_around_is_refused_by_its_field(tenant: TestTenant) -> None:
    client = tenant.client("owner")
    customer = create_stub(client)["id"]
    deceiving = f"Amal {RLO}gpj.exe"
    for path, body, field in (
        ("/customers", {"phone": new_phone(), "name": deceiving}, "name"),
        ("/customers", {"type": "guest", "notes": deceiving}, "notes"),
        (f"/customers/{customer}/addresses", {"city": deceiving}, "city"),
        (f"/customers/{customer}/block", {"reason": deceiving}, "reason"),
        ("/keys", {"name": deceiving, "role": "pos"}, "name"),
        ("/teams", {"name": deceiving}, "name"),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code == 422, (path, answer.text)
        [error] = answer.json()["errors"]
        assert (error["field"], error["message"]) == (field, UNREADABLE)


def test_a_batch_row_with_such_a_name_spoils_no_other(tenant: TestTenant) -> None:
    rows = [
        {"idempotencyKey": str(new_id()), "name": name, "phone": new_phone()}
        for name in (f"A{RLO}b", "Salim")
    ]
    answer = tenant.client("pos").post("/customers/batch", json={"rows": rows})
    assert [outcome["outcome"] for outcome in answer.json()["outcomes"]] == ["refused", "created"]


def test_a_search_does_not_see_what_the_eye_does_not(tenant: TestTenant) -> None:
    client = tenant.client("owner")
    create_stub(client, name="Zu\u200blai\u200dkha\u200c Al Harthy")
    for typed in ("Zulaikha", "Zulai\u200bkha", "\u200fZulaikha\u200f"):
        found = client.get("/customers", params={"search": typed}).json()["items"]
        assert [item["displayName"].replace("\u200d", "") for item in found] == [
            "Zulaikha Al Harthy"
        ]


def test_an_export_turns_nothing_around(tenant: TestTenant) -> None:
    client = tenant.client("owner")
    create_stub(client, name="\u200fأمل\u200f", honorific="=\u200b1+1")
    text = client.get("/customers/export").text
    assert not re.search("[\u200b\u200f\u202a-\u202e\u2066-\u2069]", text)
    assert ",'=1+1," in text
