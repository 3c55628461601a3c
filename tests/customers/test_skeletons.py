"""name_skeleton on a real server, and its Python twin beside it."""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_saas.customers.folding import fold_text
from crm_saas.customers.skeletons import consonants, name_skeleton


@pytest.mark.parametrize(
    ("latin", "arabic"),
    [
        ("Mohammed", "محمد"),
        ("Muhammad", "مُحَمَّد"),
        ("Khalid", "خالد"),
        ("Fatimah", "فاطمة"),
        ("Fatma", "فاطمه"),
        ("Yousuf", "يوسف"),
        ("Yahya", "يحيى"),
        ("Laila", "ليلى"),
        ("Suhail", "سهيل"),
        ("Abdullah", "عبدالله"),
        ("Zadjali", "زدجالي"),
        ("Shukaili", "شكيلي"),
        ("Ghanim", "غانم"),
        ("Qasim", "قاسم"),
    ],
)
def test_both_scripts_have_the_same_consonants(latin: str, arabic: str) -> None:
    assert consonants(fold_text(latin)) == consonants(fold_text(arabic))


@pytest.mark.parametrize(
    ("name", "skeleton"),
    [
        ("Khalid bin Said Al Maamari", "Xld mmr sd"),
        ("خالد بن سعيد المعمري", "Xld mmr sd"),
        ("Zuwaina Al Mahrouqi", "zn mhrk"),
        ("Zuwayna Almahruqi", "zn mhrk"),
        ("Abd al-Rahman El-Kindi", "Abdrhmn knd"),
        ("Abdulrahman Al Kindi", "Abdrhmn knd"),
        ("عبد الرحمن الكندي", "Abdrhmn knd"),
        ("Sa'id O’Brien", "sd Abrn"),
        ("Salim", None),
        ("Мария Иванова", None),
        ("", None),
    ],
)
def test_names_and_their_skeletons(
    owner_connection: psycopg.Connection, name: str, skeleton: str | None
) -> None:
    assert name_skeleton(fold_text(name)) == skeleton
    assert _on_server(owner_connection, fold_text(name)) == skeleton


_WORDS = st.sampled_from(
    ["al", "el", "bin", "abd", "abdul", "عبد", "ال", "بن", "عبدال", "albus", "x'x", "yh", "wah"]
)
_LETTERS = st.characters(
    min_codepoint=1, max_codepoint=0x6FF, exclude_categories=["Cs", "Cn"]
) | st.sampled_from("abdehklstuwyxz `'اوىيهةعبدلشخ")
_NAMES = st.lists(_WORDS | st.text(_LETTERS, max_size=8), max_size=8).map(" ".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_NAMES | st.text(_LETTERS, max_size=30))
def test_the_twins_agree(owner_connection: psycopg.Connection, typed: str) -> None:
    for value in (typed, fold_text(typed)):
        assert _on_server(owner_connection, value) == name_skeleton(value)


def _on_server(connection: psycopg.Connection, folded: str) -> str | None:
    row = connection.execute("select name_skeleton(%s)", [folded]).fetchone()
    assert row is not None
    skeleton: str | None = row[0]
    return skeleton
