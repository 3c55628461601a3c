"""What the search shows to nobody else, and leaves behind for nobody."""

import random

import psycopg
import pytest

from crm_saas.kit.ids import new_id
from factories.search import Desk
from sizes import sized

CALLS = (
    "select * from search_customers(%s, 'salim', 20)",
    "select * from search_candidates(%s, array['salim'], null, 200)",
    "select * from search_fragments(%s, array['%%salim%%'], null, true, 200)",
    "select * from search_spellings(%s, 'saalim', 1, false, null, true)",
    "select * from search_phrases(%s, array['saalim'], true, false, null)",
)
SHADOWS = (
    "create table {schema}.org_customers_mst (like public.org_customers_mst)",
    "create function {schema}.fold_text(text) returns text language sql return 'zzz'",
    "create function {schema}.current_tenant() returns uuid language sql return gen_random_uuid()",
    "create function {schema}.search_names(text, text, text, text) returns text"
    " language sql return 'zzz'",
    "create function {schema}.starts_with(text, text) returns boolean language sql return true",
    "create function {schema}.alike(text, text) returns boolean language sql return true",
    "create operator {schema}.~~ (function = {schema}.alike, leftarg = text, rightarg = text)",
    "create operator {schema}.<% (function = {schema}.alike, leftarg = text, rightarg = text)",
    "create operator {schema}.= (function = {schema}.alike, leftarg = text, rightarg = text)",
)


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


@pytest.mark.parametrize("call", CALLS)
def test_naming_another_tenant_is_refused(desk: Desk, call: str) -> None:
    desk.enter()
    with pytest.raises(psycopg.errors.InsufficientPrivilege), desk.connection.transaction():
        desk.connection.execute(call, [desk.other_tenant])


def test_nothing_stays_behind(desk: Desk) -> None:
    """No words, and none of the settings that bind the planner, after a search of every kind."""
    desk.add("Salim", phone="+96890123456")
    desk.enter()
    before = settings_in_force(desk)
    for query in ("alim", "saalim", "1234", "90123457", "salim qqqq", "s", ""):
        desk.search(query)
        assert settings_in_force(desk) == before, query


def test_nothing_stays_behind_an_error(desk: Desk) -> None:
    desk.add("Salim")
    desk.enter()
    before = settings_in_force(desk)
    with pytest.raises(psycopg.errors.QueryCanceled), desk.connection.transaction():
        desk.connection.execute("set local statement_timeout = '1ms'")
        desk.connection.execute(
            "select search_fragments(%s, array['%%alim%%'], null, true, 200)"
            " from generate_series(1, 100000)",
            [desk.tenant],
        )
    assert settings_in_force(desk) == before


def settings_in_force(desk: Desk) -> dict[str, str]:
    rows = desk.connection.execute(
        "select name, setting from pg_settings"
        " where category not like 'Preset%%' and name <> 'transaction_isolation'"
    ).fetchall()
    words = [f"app.search_{arm}_{place}" for arm in ("pattern", "recent") for place in (1, 2, 3)]
    words += ["app.search_windows", "app.search_similar_1", "app.search_similar_2"]
    rows += desk.connection.execute(
        "select name, coalesce(current_setting(name, true), '') from unnest(%s::text[]) as name",
        [words],
    ).fetchall()
    return dict(rows)


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


def test_without_a_tenant_nothing_is_searched(desk: Desk) -> None:
    desk.add("Salim")
    desk.connection.execute("set local role crm_app")
    for call in CALLS:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), desk.connection.transaction():
            desk.connection.execute(call, [desk.tenant])


@pytest.mark.parametrize(
    "patterns",
    [None, [], [None], [""], ["%"], ["%%"], ["_"], ["%al%"], ["\x1f"], ["%ßßß%"], ["%\\%alim"]],
)
def test_a_pattern_of_any_kind_finds_no_stranger(desk: Desk, patterns: list[str] | None) -> None:
    """Called by whoever has got hold of crm_app, past the function that makes the patterns."""
    desk.add("Salim", tenant=desk.other_tenant)
    desk.enter()
    for newest in (None, -1, 0, 2**62):
        found = desk.connection.execute(
            "select * from search_fragments(%s, %s::text[], %s, true, 1000000)",
            [desk.tenant, patterns, newest],
        ).fetchall()
        assert found == []


def test_alternatives_within_a_word_are_letters(desk: Desk) -> None:
    """What separates them in the setting cannot be typed."""
    desk.add("Salim")
    assert desk.found("qqq\x1f%alim") == []


@pytest.mark.parametrize(
    ("scope", "found"),
    [({"scope": "all"}, 2), ({"scope": "team"}, 1), ({"scope": "own"}, 0)],
)
def test_staff_scope_holds_in_each_function(desk: Desk, scope: dict[str, str], found: int) -> None:
    team = new_id()
    desk.insert("org_teams", tenant_org_id=desk.tenant, id=team, name="North")
    desk.add("Salim", team_id=team)
    desk.add("Salima")
    desk.enter(scope=scope["scope"], teams=[team], member=new_id())
    ids = desk.connection.execute(
        "select * from search_fragments(%s, array['%%salim%%'], null, true, 200)", [desk.tenant]
    ).fetchall()
    spellings = desk.connection.execute(
        "select unnest(search_spellings(%s, 'slaima', 1, false, null, true))", [desk.tenant]
    ).fetchall()
    assert len(ids) == found
    assert spellings == ([("salima",)] if found == 2 else [])


def test_nobody_comes_between_the_functions_and_what_they_name(desk: Desk) -> None:
    """A schema that is looked through first, and one that is the caller's own."""
    salim = desk.add("Salim", phone="+96890123456")
    desk.add("Salim", tenant=desk.other_tenant)
    queries = ("salim", "alim", "slaim", "salim qqqq", "90123456", "1234", "90123457")
    before = {query: _found(desk, query) for query in queries}
    assert before["slaim"] == [salim]
    desk.connection.execute("set local role none")
    desk.connection.execute("create schema evil")
    desk.connection.execute("grant usage on schema evil to public")
    for schema in ("evil", "pg_temp"):
        for statement in SHADOWS:
            desk.connection.execute(statement.format(schema=schema))
    desk.enter()
    desk.connection.execute("set local search_path = evil, pg_temp, public, pg_catalog")
    assert {query: _found(desk, query) for query in queries} == before


def _found(desk: Desk, query: str) -> list[object]:
    """Or an error, which is not what was found before either."""
    try:
        desk.connection.execute("set local role crm_app")
        desk.connection.execute(
            "select public.set_request_scope(%s, 'all', null, '{}')", [desk.tenant]
        )
        rows = desk.connection.execute(
            "select customer_id from public.search_customers(%s, %s, 20)", [desk.tenant, query]
        ).fetchall()
    except psycopg.Error as error:
        return [str(error)]
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    "query",
    [
        "1234",
        "salim 9012",
        "9012 salim",
        "secre",
        "salim secret",
        "secret@example.o",
        "sercet@example.om",
    ],
)
def test_no_piece_of_a_masked_contact_finds_anybody(desk: Desk, query: str) -> None:
    """Beside a word that does: whether somebody is found would tell the next digit."""
    salim = desk.add("Salim", phone="+96890123456", email="secret@example.om", serial=77)
    assert desk.found(query) == [salim]
    assert desk.found(query, whole_contacts=True) == []


def test_who_sees_contacts_masked_finds_by_all_else(desk: Desk) -> None:
    salim = desk.add("Salim Balushi", phone="+96890123456", email="s.secret@example.om", serial=77)
    for query in (
        "sal", "alush", "balsuhi", "77", "cust-00077", "s.secret@example.om", "90123456",
        "+96890123456", "salim 00077",
    ):  # fmt: skip
        assert desk.found(query, whole_contacts=True) == [salim], query


def test_no_query_is_an_error(desk: Desk) -> None:
    """Signs that `like` and regular expressions read as more than signs, among letters."""
    desk.add("Salim (Al-Balushi) [a.b]*", email="a.b+c@example.om", company_name="100% \\Co_")
    signs = "%_\\()[]{}*+?.^$|#-/'\"@ ,:;\x1f\x02aslimسم٣1٠ßé\u200f\u0301😀"
    chance = random.Random(4)  # noqa: S311
    for _ in range(sized(short=50, long=1000)):
        query = "".join(chance.choices(signs, k=chance.randint(1, 24)))
        for whole_contacts in (False, True):
            desk.search(query, whole_contacts=whole_contacts)
