"""search_customers on the real tables, as crm_app, under row-level security."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from crm_saas.kit.emails import email_key
from crm_saas.kit.ids import new_id


class Desk:
    """Two tenants inside one transaction that is rolled back."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.tenant = new_id()
        self.other_tenant = new_id()
        self.serials: dict[UUID, int] = {}
        for tenant in (self.tenant, self.other_tenant):
            self.insert("sys_tenants_mst", id=tenant, slug=f"t{tenant.hex}", name="Search")

    def insert(self, table: str, **columns: Any) -> None:
        self.connection.execute("set local role crm_platform")
        self.connection.execute(
            sql.SQL("insert into {} ({}) values ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.SQL(", ").join(map(sql.Placeholder, columns)),
            ),
            columns,
        )

    def add(self, name: str | None, *, tenant: UUID | None = None, **columns: Any) -> UUID:
        tenant = tenant or self.tenant
        serial = columns.pop("serial", self.serials.get(tenant, 0) + 1)
        self.serials[tenant] = serial
        columns.setdefault("customer_number", f"CUST-{serial:05}")
        customer = new_id()
        email = columns.get("email")
        self.insert(
            "org_customers_mst",
            tenant_org_id=tenant,
            id=customer,
            customer_seq=serial,
            profile_status="stub" if columns.get("phone") else "guest",
            name=name,
            display_name=name or "",
            email_key=email and email_key(email),
            **columns,
        )
        if columns.get("status") != "merged":
            for kind, value in (
                ("phone", columns.get("phone")),
                ("email", email and email_key(email)),
            ):
                if value:
                    self.alias(customer, kind, value, tenant)
        return customer

    def alias(self, customer: UUID, kind: str, value: str, tenant: UUID | None = None) -> None:
        self.insert(
            "org_customer_identifiers",
            tenant_org_id=tenant or self.tenant,
            id=new_id(),
            kind=kind,
            value=value,
            customer_id=customer,
        )

    def enter(
        self,
        tenant: UUID | None = None,
        scope: str = "all",
        member: UUID | None = None,
        teams: list[UUID] | None = None,
    ) -> None:
        self.connection.execute("set local role crm_app")
        self.connection.execute(
            "select set_request_scope(%s, %s, %s, %s::uuid[])",
            [tenant or self.tenant, scope, member, teams or []],
        )

    def search(self, query: str, limit: int = 20, **scope: Any) -> list[tuple[UUID, int, str]]:
        self.enter(**scope)
        rows = self.connection.execute(
            "select customer_id, tier, matched, rank from search_customers(%s, %s, %s)",
            [scope.get("tenant") or self.tenant, query, limit],
        ).fetchall()
        assert all(0 <= row[3] <= 1 for row in rows)
        return [(row[0], row[1], row[2]) for row in rows]

    def found(self, query: str, **scope: Any) -> list[UUID]:
        return [row[0] for row in self.search(query, **scope)]


@pytest.fixture
def desk(owner_connection: psycopg.Connection) -> Iterator[Desk]:
    with owner_connection.transaction(force_rollback=True):
        owner_connection.execute("grant crm_app, crm_platform to current_user")
        yield Desk(owner_connection)
        owner_connection.execute("set local role none")


@pytest.mark.parametrize(
    "query",
    [
        "90123456",
        "9012 3456",
        "+968 9012-3456",
        "0096890123456",
        "090123456",
        "96890123456",
        "٩٠١٢٣٤٥٦",
        "۹۰۱۲ ۳۴۵۶",
        "\u200e+96890123456",
        "3456",
        "456",
        "0123",
        "901",
        "968901",
        "+968901",
        "00968901",
        "1234",
    ],
)
def test_any_run_of_digits_finds_the_phone(desk: Desk, query: str) -> None:
    salim = desk.add("Salim Al Balushi", phone="+96890123456")
    desk.add("Khalid", phone="+97455667788")
    assert desk.found(query) == [salim]


@pytest.mark.parametrize(
    "query",
    [
        "salim al balushi",
        "SALIM",
        "alus",
        "balushi salim",
        "sálim",
        "sa",
        "s",
        "سالم",
        "لبلوش",
        "سَالِم البلوشى",
        "البلوشي سالم",
        "سا",
        "salim البلوشي",
        "balushi 9012",
        "salim 42",
        "salim.h@example.om",
        "SALIM.H@Example.om",
        "salim.h@",
        "h@exam",
        "noor trad",
    ],
)
def test_any_fragment_finds_the_customer(desk: Desk, query: str) -> None:
    desk.add("Khalid Al Harthy", name2="خالد الحارثي", email="k@elsewhere.om")
    salim = desk.add(
        "Salim Al Balushi",
        name2="سالم البلوشي",
        email="Salim.H@example.om",
        phone="+96890124256",
        company_name="Noor Trading",
    )
    assert desk.found(query) == [salim]


@pytest.mark.parametrize(
    ("query", "tier"),
    [
        ("42", 1),
        ("00042", 1),
        ("#42", 1),
        ("cust-00042", 1),
        ("CUST-42", 1),
        ("cust42", 1),
        ("cust-0004", 2),
    ],
)
def test_the_number_is_found_with_and_without_its_prefix(desk: Desk, query: str, tier: int) -> None:
    customer = desk.add("Salim", serial=42)
    desk.add("Khalid", serial=71)
    assert desk.search(query) == [(customer, tier, "number")]


def test_a_serial_beyond_the_width_and_a_changed_format(desk: Desk) -> None:
    wide = desk.add("Salim", serial=100_000)
    other = desk.add("Khalid", serial=100_001, customer_number="VIP-7-100001")
    assert desk.found("100000") == [wide]
    assert desk.found("vip-7-100001") == [other]
    assert desk.found("100001") == [other]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("mohamed", "Mohammed Al Balushi"),
        ("mohammed balsuhi", "Mohammed Al Balushi"),
        ("ahemd", "Ahmed Al Kindi"),
        ("zadjaly", "Fatma Al Zadjali"),
        ("البلوسي", "البلوشي"),
        ("salim@exmaple.om", "Salim"),
        ("90123457", "Salim"),
        ("91023456", "Salim"),
    ],
)
def test_typing_errors_are_forgiven(desk: Desk, query: str, name: str) -> None:
    for other in ("Mohammed Al Balushi", "Ahmed Al Kindi", "Fatma Al Zadjali", "البلوشي"):
        desk.add(other)
    desk.add("Salim", email="salim@example.om", phone="+96890123456")
    best = desk.search(query)[0]
    assert best[1] == 4
    assert best[0] == _id_of(desk, name)


def test_exact_comes_before_prefix_before_fragment(desk: Desk) -> None:
    fragment = desk.add("Muscat Alina")
    prefix = desk.add("Alina Hassan")
    exact = desk.add("Alina")
    assert [row[:2] for row in desk.search("alina")] == [(exact, 1), (prefix, 2), (fragment, 3)]
    assert desk.found("alina", limit=2) == [exact, prefix]


def test_the_ways_of_matching_are_named(desk: Desk) -> None:
    desk.add("Salim Said", email="other@example.om", phone="+96890123456", serial=555)
    matched = {query: desk.search(query)[0][2] for query in ("alim", "ther@ex", "2345", "cust-555")}
    assert matched == {"alim": "name", "ther@ex": "email", "2345": "phone", "cust-555": "number"}


@pytest.mark.parametrize(
    "query", ["%", "_", "%%%", "___", "sal%m", "sa_im", "\\", "sal\\im", "%ali%"]
)
def test_wildcards_are_literals(desk: Desk, query: str) -> None:
    desk.add("Salim")
    assert not [row for row in desk.search(query) if row[1] < 4]


@pytest.mark.parametrize("name", ["100% Cotton", "a_b_cde", "back\\slash"])
def test_wildcards_in_names_are_found(desk: Desk, name: str) -> None:
    customer = desk.add(name)
    desk.add("100 Cotton aXbXcde backslash")
    assert desk.found(name[1:])[0] == customer


@pytest.mark.parametrize(
    "query", ["", "   ", "\u200f", "ـ", "(", "+", "--", "x" * 5000, "' or 1=1"]
)
def test_odd_queries_answer_nothing(desk: Desk, query: str) -> None:
    desk.add("Salim", phone="+96890123456")
    assert desk.search(query) == []


def test_a_merged_customer_is_answered_by_its_last_survivor_once(desk: Desk) -> None:
    survivor = desk.add("Salim Al Balushi", phone="+96890123456", serial=1)
    middle = desk.add("Salem", serial=2, status="merged", merged_into=survivor)
    desk.add("Saleem Khamis", phone="+96892222222", serial=3, status="merged", merged_into=middle)
    desk.alias(survivor, "phone", "+96892222222")
    for query in (
        "cust-00003",
        "3",
        "khamis",
        "khamees",
        "+96892222222",
        "92222222",
        "2222",
        "sal",
    ):
        assert desk.found(query) == [survivor], query


def test_an_alias_alone_finds_its_customer(desk: Desk) -> None:
    salim = desk.add("Salim")
    desk.alias(salim, "phone", "+96893333333")
    desk.alias(salim, "email", "old@example.om")
    assert desk.search("+968 9333 3333") == [(salim, 1, "phone")]
    assert desk.search("Old@Example.om") == [(salim, 1, "email")]


def test_erased_customers_are_not_found(desk: Desk) -> None:
    desk.add("Salim", serial=9, status="erased")
    assert desk.found("salim") == desk.found("9") == desk.found("cust-00009") == []


def test_another_tenants_customers_are_never_found(desk: Desk) -> None:
    desk.add("Salim Al Balushi", tenant=desk.other_tenant, phone="+96890123456", email="s@a.om")
    for query in ("salim", "alus", "balsuhi", "90123456", "1234", "s@a.om", "1", "s"):
        assert desk.found(query) == []
    assert len(desk.found("salim", tenant=desk.other_tenant)) == 1


@pytest.mark.parametrize("query", ["salim", "alim", "saalim", "1234", "90123456", "90123457", "1"])
def test_staff_scope_holds_in_every_tier(desk: Desk, query: str) -> None:
    team = new_id()
    desk.insert("org_teams", tenant_org_id=desk.tenant, id=team, name="North")
    inside = desk.add("Salim", phone="+96890123456", team_id=team)
    desk.add("Salim", phone="+96890123455")
    assert inside in desk.found(query)
    assert desk.found(query, scope="team", teams=[team]) in ([inside], [])
    assert desk.found(query, scope="team", teams=[new_id()]) == []
    assert desk.found(query, scope="own", member=new_id()) == []


@pytest.mark.parametrize(
    "call",
    [
        "select * from search_customers(%s, 'salim', 20)",
        "select * from search_candidates(%s, array['salim'], null, 200)",
    ],
)
def test_naming_another_tenant_is_refused(desk: Desk, call: str) -> None:
    desk.enter()
    with pytest.raises(psycopg.errors.InsufficientPrivilege), desk.connection.transaction():
        desk.connection.execute(call, [desk.other_tenant])


def test_the_words_do_not_stay_behind(desk: Desk) -> None:
    desk.add("Salim")
    desk.search("alim")
    settings = [f"app.search_pattern_{place}" for place in (1, 2, 3)]
    settings += [f"app.search_similar_{place}" for place in (1, 2)]
    row = desk.connection.execute(
        "select array_agg(current_setting(name, true)) from unnest(%s::text[]) as name", [settings]
    ).fetchone()
    assert row == ([""] * 5,)
    threshold = desk.connection.execute("show pg_trgm.word_similarity_threshold").fetchone()
    assert threshold == ("0.6",)


def test_the_search_role_reads_nothing_without_words(desk: Desk) -> None:
    desk.add("Salim")
    desk.enter()
    desk.connection.execute("set local role none")
    desk.connection.execute("set local role crm_search")
    for value in ("", "%ßßß%"):
        for place in (1, 2, 3):
            desk.connection.execute(
                "select set_config(%s, %s, true)", [f"app.search_pattern_{place}", value]
            )
        assert desk.connection.execute("select id from org_customers_mst").fetchall() == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege), desk.connection.transaction():
        desk.connection.execute("select phone from org_customers_mst")


def test_results_are_bounded(desk: Desk) -> None:
    for _ in range(105):
        desk.add("Salim Said")
    assert len(desk.search("salim", limit=1000)) == 100
    assert len(desk.search("alim", limit=7)) == 7
    assert len(desk.search("alim", limit=0)) == 1


def _id_of(desk: Desk, name: str) -> UUID:
    desk.enter()
    row = desk.connection.execute(
        "select id from org_customers_mst where tenant_org_id = %s and name = %s",
        [desk.tenant, name],
    ).fetchone()
    assert row is not None
    return UUID(str(row[0]))
