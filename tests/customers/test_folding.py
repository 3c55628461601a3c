"""fold_text on a real server, and its Python twin beside it."""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_saas.customers.folding import fold_text


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("  Salim \t AL\u00a0Balushi ", "salim al balushi"),
        ("Zoë Ångström-Çelik", "zoe angstrom-celik"),
        ("STRASSE straße ẞ", "strasse strasse ss"),
        ("Ærø Œuvre Łódź Đorđe", "aero oeuvre lodz dorde"),
        ("İstanbul ılık", "istanbul ilik"),
        ("ΣΟΦΟΣ Мария", "σοφοσ мария"),
        ("Ｓａｌｉｍ ﬁ", "salim fi"),
        ("O’Brien", "o'brien"),
        ("أحمد إبراهيم آمنة ٱلله", "احمد ابراهيم امنه الله"),
        ("مُحَمَّد", "محمد"),
        ("محمـــد", "محمد"),
        ("الرحمٰن", "الرحمن"),
        ("يحيى", "يحيي"),
        ("هناء مؤمن رئيس", "هنا مومن رييس"),
        ("علی کریم", "علي كريم"),
        ("ﻣﺤﻤﺪ ﻻ", "محمد لا"),
        ("٩٠١٢ ۹۰۱۲", "9012 9012"),
        ("\u200fسالم\u200e \u202bA\u202c", "سالم a"),
        ("سا\u200cلم", "سالم"),
        ("", ""),
        (" \u3000 ", ""),
        ("100% _\\", "100% _\\"),
    ],
)
def test_spellings_fold_to_one(
    owner_connection: psycopg.Connection, typed: str, folded: str
) -> None:
    assert _fold_on_server(owner_connection, typed) == folded
    assert fold_text(typed) == folded


# Blocks in which Python and PostgreSQL know the same characters, whatever their Unicode versions.
_LETTERS = st.characters(
    min_codepoint=1, max_codepoint=0x6FF, exclude_categories=["Cs", "Cn"]
) | st.sampled_from("ẞﬁﻻﷲ\u200b\u200f\u2028\u3000Ａ９‑—’ſK")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(_LETTERS, max_size=30))
def test_the_twins_agree_and_folding_twice_changes_nothing(
    owner_connection: psycopg.Connection, typed: str
) -> None:
    folded = fold_text(typed)
    assert _fold_on_server(owner_connection, typed) == folded
    assert fold_text(folded) == folded


def test_null_stays_null_and_the_columns_collation_does_not_matter(
    owner_connection: psycopg.Connection,
) -> None:
    row = owner_connection.execute(
        """select fold_text(null), fold_text('ÉÇ' collate "C"), fold_text('ÉÇ' collate "default")"""
    ).fetchone()
    assert row == (None, "ec", "ec")


def test_reverse_digits(owner_connection: psycopg.Connection) -> None:
    row = owner_connection.execute("select reverse_digits('+96890123456')").fetchone()
    assert row == ("65432109869",)


def _fold_on_server(connection: psycopg.Connection, text: str) -> str:
    row = connection.execute("select fold_text(%s)", [text]).fetchone()
    assert row is not None
    return str(row[0])
