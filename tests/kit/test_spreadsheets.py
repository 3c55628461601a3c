from hypothesis import given
from hypothesis import strategies as st

from crm_saas.kit.spreadsheets import SIGNS, guard, harmless, unguard

TEXTS = st.text(st.sampled_from("'a1 م" + SIGNS), max_size=6) | st.text(max_size=12)
DIGITS = "0123456789"


@given(TEXTS)
def test_an_import_takes_away_exactly_what_the_export_put_there(text: str) -> None:
    assert unguard(guard(text)) == text


@given(TEXTS)
def test_nothing_that_is_written_is_a_formula(text: str) -> None:
    assert guard(text)[:1] not in set(SIGNS)


@given(TEXTS)
def test_text_that_needs_no_guard_is_written_as_it_is(text: str) -> None:
    assert guard(text) in {text, f"'{text}"}
    first = text.lstrip("'")[:1]
    if first not in set(SIGNS) and not (text[:1] == "'" and first in set(DIGITS)):
        assert guard(text) == text == unguard(text)


def test_two_texts_are_never_written_alike() -> None:
    texts = ["=1", "'=1", "''=1", "'a", "1", "'1", "''1"]
    assert [guard(text) for text in texts] == ["'=1", "''=1", "'''=1", "'a", "1", "''1", "'''1"]


@given(TEXTS)
def test_a_cell_that_is_written_on_means_what_it_meant(cell: str) -> None:
    assert harmless(cell)[:1] not in set(SIGNS)
    assert unguard(harmless(cell)) == unguard(cell)
