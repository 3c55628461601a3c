"""What the search shows to nobody else, and leaves behind for nobody."""

import psycopg
import pytest

from crm_saas.kit.ids import new_id
from factories.search import Desk


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
        "select * from search_fragments(%s, array['%%salim%%'], null, true, 200)",
        "select * from search_spellings(%s, 'saalim', 1, false, null)",
        "select * from search_phrases(%s, array['saalim'], true, false, null)",
    ],
)
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
