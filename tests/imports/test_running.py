"""From the file to the customers."""

from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from crm_saas.imports.limits import CELL_LENGTH_MAX
from factories.customers import create_guest, create_stub, new_phone
from factories.imports import Importing, upload
from factories.tenants import TestTenant

Begin = Callable[..., Importing]
HEADER = ["Name", "Phone", "E-mail", "City"]


def by_phone(api: httpx.Client, phone: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.get("/customers", params={"phone": phone}).json()["items"]
    return items


def read(api: httpx.Client, customer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/customers/{customer['id']}").json()
    return found


def addresses(api: httpx.Client, customer: dict[str, Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.get(f"/customers/{customer['id']}/addresses").json()["items"]
    return items


def reasons(importing: Importing) -> dict[int, str]:
    return {
        row["rowNumber"]: "; ".join(problem["message"] for problem in row["problems"])
        for row in importing.rows("refused")
    }


def test_rows_become_customers(api: httpx.Client, begin: Begin) -> None:
    one, two = new_phone(), new_phone()
    importing = begin(
        HEADER,
        ["Amal Al Balushi", one, "Amal@Example.com", "Muscat"],
        ["Said", f"'{two[4:]}", "", ""],
        ["", "", "", ""],
        ["Nobody", "12", "", ""],
    )
    assert importing.run()["status"] == "done"
    assert importing.counts == {"created": 2, "refused": 1}
    [amal], [said] = by_phone(api, one), by_phone(api, two)
    assert (amal["customerNumber"], said["customerNumber"]) == ("CUST-00001", "CUST-00002")
    assert (amal["name"], amal["displayName"]) == ("Amal Al Balushi", "Amal Al Balushi")
    assert (amal["email"], amal["profileStatus"]) == ("Amal@example.com", "stub")
    assert (amal["journeyStage"], amal["preferences"]) == ("prospect", {})
    [address] = addresses(api, amal)
    assert (address["city"], address["country"], address["isDefault"]) == ("Muscat", "OM", True)
    assert addresses(api, said) == []
    [refused] = importing.rows("refused")
    assert (refused["rowNumber"], refused["problems"][0]["column"]) == (5, "Phone")
    assert refused["problems"][0]["value"] == "12"
    # The number goes on without a gap.
    assert create_stub(api)["customerNumber"] == "CUST-00003"


def test_a_dry_run_says_what_would_happen_and_changes_nothing(
    api: httpx.Client, begin: Begin
) -> None:
    there, same, fresh = create_stub(api, name="Amal"), create_stub(api, name="Said"), new_phone()
    importing = begin(
        HEADER,
        ["Amal Al Balushi", there["phone"], "", ""],
        ["Said", same["phone"], "", ""],
        ["New", fresh, "new@example.com", "Muscat"],
        ["Twin", new_phone(), "New@example.com", ""],
        ["", new_phone(), "", ""],
    )
    state = importing.dry_run()
    assert (state["status"], state["dryRun"]) == ("checked", True)
    assert importing.counts == {
        "create": 1, "update": 1, "unchanged": 1, "refused": 2, "duplicates": 1
    }  # fmt: skip
    assert reasons(importing) == {
        5: "row 4 has the same e-mail; the first row counts",
        6: "a stub needs name, or firstName and lastName",
    }
    [update] = importing.rows("update")
    assert update["customerNumber"] == there["customerNumber"]
    assert read(api, there)["name"] == "Amal"
    assert by_phone(api, fresh) == []

    assert importing.run()["status"] == "done"
    assert importing.counts == {
        "created": 1, "updated": 1, "unchanged": 1, "refused": 2, "duplicates": 1
    }  # fmt: skip


def test_an_update_changes_what_the_file_has(api: httpx.Client, begin: Begin) -> None:
    there = create_stub(api, name="Amal", notes="Likes tea", email="old@example.com")
    importing = begin(
        ["Name", "Phone", "E-mail", "Notes", "City"],
        ["Amal Al Balushi", there["phone"], "new@example.com", "", "Muscat"],
    )
    importing.run()
    now = read(api, there)
    assert (now["name"], now["displayName"]) == ("Amal Al Balushi", "Amal Al Balushi")
    assert (now["email"], now["notes"]) == ("new@example.com", "Likes tea")
    assert [address["city"] for address in addresses(api, there)] == ["Muscat"]
    create_stub(api, email="old@example.com")
    history = api.get(f"/customers/{there['id']}/history").json()["items"]
    [changed] = [event for event in history if event["kind"] == "customer.changed"]
    assert changed["before"]["name"] == "Amal"
    assert changed["after"]["name"] == "Amal Al Balushi"


def test_empty_cells_can_clear(api: httpx.Client, begin: Begin) -> None:
    there = create_stub(api, notes="Likes tea", email="old@example.com")
    importing = begin(
        ["Phone", "E-mail", "Notes"], [there["phone"], "", ""], [new_phone(), "x@example.com", ""]
    )
    importing.run(emptyCells="clear", mode="updateOnly")
    assert (read(api, there)["notes"], read(api, there)["email"]) == (None, None)
    assert reasons(importing) == {3: "belongs to no customer, and none is to be created"}
    create_stub(api, email="old@example.com")


def test_create_only_leaves_who_is_there(api: httpx.Client, begin: Begin) -> None:
    there = create_stub(api, name="Amal")
    importing = begin(["Name", "Phone"], ["Other", there["phone"]], ["New", new_phone()])
    importing.run(mode="createOnly")
    assert reasons(importing) == {2: f"{there['customerNumber']} has it already"}
    assert importing.counts == {"created": 1, "refused": 1}
    assert read(api, there)["name"] == "Amal"


@pytest.mark.parametrize(
    ("upsert_by", "column", "field"),
    [
        ("email", "E-mail", "email"),
        ("externalId", "External id", "externalId"),
        ("customerNumber", "Customer number", "customerNumber"),
    ],
)
def test_customers_are_found_by_other_than_the_phone(
    upsert_by: str, column: str, field: str, api: httpx.Client, begin: Begin
) -> None:
    there = create_stub(api, email="amal@example.com", externalId="A-1")
    phone = new_phone()
    key = there[field].lower() if field == "customerNumber" else there[field]
    importing = begin([column, "Phone", "Name"], [key, phone, "Amal"], ["", new_phone(), "New"])
    importing.run(upsertBy=upsert_by)
    assert importing.counts == {"updated": 1, "created": 1}
    assert read(api, there)["phone"] == phone
    assert by_phone(api, there["phone"]) == []


def test_an_alias_from_a_merge_finds_the_survivor(api: httpx.Client, begin: Begin) -> None:
    source, target = create_stub(api), create_stub(api)
    pair = {"sourceId": source["id"], "targetId": target["id"]}
    assert api.post("/customers/merge", json=pair).status_code == 201
    importing = begin(["Customer number", "Notes"], [source["customerNumber"], "Merged"])
    importing.run(upsertBy="customerNumber")
    assert read(api, target)["notes"] == "Merged"
    assert importing.rows("updated")[0]["customerNumber"] == target["customerNumber"]


def test_what_others_have_is_refused_by_name(api: httpx.Client, begin: Begin) -> None:
    there = create_stub(api, email="amal@example.com", externalId="A-1")
    other = create_stub(api)
    importing = begin(
        ["Name", "Phone", "E-mail", "External id"],
        ["New", new_phone(), "AMAL@example.com", ""],
        ["Other", other["phone"], "", "A-1"],
    )
    importing.run(upsertBy="phone")
    assert reasons(importing) == {
        2: f"{there['customerNumber']} has this e-mail",
        3: f"{there['customerNumber']} has this external id",
    }


def test_a_guest_stays_one_and_gets_no_phone(api: httpx.Client, begin: Begin) -> None:
    guest = create_guest(api)
    importing = begin(
        ["Customer number", "Profile status", "Phone", "Notes"],
        [guest["customerNumber"], "guest", new_phone(), ""],
        ["", "guest", "", "Walked in"],
        ["CUST-99999", "stub", new_phone(), ""],
    )
    importing.run(upsertBy="customerNumber")
    assert reasons(importing) == {
        2: "a guest has none; upgrade the guest to a stub",
        4: "belongs to no customer; leave it empty, and a new one gets the next number",
    }
    [made] = importing.rows("created")
    made = api.get(f"/customers/{made['customerId']}").json()
    assert (made["profileStatus"], made["displayName"]) == ("guest", "Guest")
    assert made["expiresAt"] is not None


def test_the_same_file_again_changes_nothing(api: httpx.Client, begin: Begin) -> None:
    rows = [HEADER, ["Amal", new_phone(), "amal@example.com", "Muscat"]]
    begin(*rows).run()
    [before] = by_phone(api, rows[1][1])
    again = begin(*rows)
    again.run()
    assert again.counts == {"unchanged": 1}
    assert by_phone(api, rows[1][1]) == [before]
    assert len(addresses(api, before)) == 1


def test_a_run_happens_once(api: httpx.Client, begin: Begin) -> None:
    importing = begin(["Name", "Phone"], ["Amal", new_phone()])
    importing.run()
    answer = api.post(f"/imports/{importing.id}/run", json={})
    assert (answer.status_code, answer.json()["type"].split("/")[-1]) == (409, "import-busy")


def test_dates_money_and_json(api: httpx.Client, begin: Begin) -> None:
    phones = [new_phone() for _ in range(3)]
    header = [
        "Name", "Phone", "Date of birth", "Annual revenue", "Revenue currency", "Preferences"
    ]  # fmt: skip
    importing = begin(
        header,
        ["A", phones[0], "02/03/1990", "1500.500", "OMR", '{"size": "M"}'],
        ["B", phones[1], "1990-03-02 00:00:00", "", "", ""],
        ["C", phones[2], "31/31/1990", "1.2345", "OMR", "[]"],
    )
    importing.run()
    [a], [b] = by_phone(api, phones[0]), by_phone(api, phones[1])
    assert a["dateOfBirth"] == b["dateOfBirth"] == "1990-03-02"
    assert a["annualRevenue"] == {"amount": "1500.500", "currency": "OMR"}
    assert a["preferences"] == {"size": "M"}
    [refused] = importing.rows("refused")
    assert {problem["field"] for problem in refused["problems"]} == {
        "dateOfBirth", "preferences"
    }  # fmt: skip


def test_a_cell_has_a_length(api: httpx.Client, begin: Begin) -> None:
    importing = begin(
        ["Name", "Phone", "Notes", "Spare"],
        ["A", new_phone(), "x" * (CELL_LENGTH_MAX + 1), ""],
        ["B", new_phone(), "x" * 5_001, ""],
        ["C\x00", new_phone(), "", ""],
        ["D", new_phone(), "", "", "", "more"],
    )
    importing.run()
    assert reasons(importing) == {
        2: "must have 20,000 characters at most",
        3: "must have 5000 characters at most",
        4: "must not contain the NUL character",
        5: "the row has more cells than the header, which has 4; a delimiter within a cell needs "
        "quotes around it",
    }


def test_bytes_of_another_encoding_refuse_their_row(
    api: httpx.Client, run_jobs: Callable[[], None]
) -> None:
    good, bad = new_phone(), new_phone()
    lines = [b"Name,Phone,Spare", b"Amal," + good.encode()]
    lines += [b"Pad,%s,%s" % (new_phone().encode(), b"x" * 9_000) for _ in range(8)]
    content = b"\n".join([*lines, "José".encode("latin-1") + b"," + bad.encode()])
    importing = Importing(api, run_jobs, upload(api, content)["id"])
    importing.dry_run()
    [refused] = importing.rows("refused")
    assert refused["rowNumber"] == 11
    assert "not of the file's encoding" in refused["problems"][0]["message"]


def test_month_first(api: httpx.Client, begin: Begin) -> None:
    phone = new_phone()
    begin(["Name", "Phone", "Birthday"], ["A", phone, "02/28/1990"]).run(dates="monthFirst")
    assert by_phone(api, phone)[0]["dateOfBirth"] == "1990-02-28"


def test_new_customers_wait_to_be_compared(
    api: httpx.Client, own: TestTenant, begin: Begin
) -> None:
    begin(["Name", "Phone"], ["Amal Al Balushi", new_phone()]).run()
    with psycopg.connect(own.server.settings.url("crm_platform")) as platform:
        waiting = platform.execute(
            "select id::text from org_customers_to_compare where tenant_org_id = %s", [own.id]
        ).fetchall()
    assert [(api.get("/customers").json()["items"][0]["id"],)] == waiting


def test_the_trail_tells_of_it(api: httpx.Client, begin: Begin) -> None:
    begin(["Name", "Phone"], ["Amal", new_phone()]).run()
    kinds = [event["kind"] for event in api.get("/audit").json()["items"]]
    assert kinds[:4] == [
        "import.finished", "customers.imported", "import.started", "import.uploaded"
    ]  # fmt: skip
    [imported] = api.get("/audit", params={"kind": "customers.imported"}).json()["items"]
    assert imported["after"] == {"customers": 1, "addresses": 0}
    assert imported["actorRole"] == "owner"
