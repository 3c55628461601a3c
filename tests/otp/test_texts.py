import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_saas.otp.purposes import Locale
from crm_saas.otp.texts import count_segments, sms_text, spoken_text

LOCALES: list[Locale] = ["en", "ar"]


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),  # two septets each
        ("€" * 81, 2),
        ("a" * 152 + "€" * 5, 2),  # an escape is not torn from its letter
        ("a" * 152 + "€" + "a" * 151 + "€", 3),
        ("@£ΔΩ§à\n", 1),
        ("`" + "a" * 69, 1),  # the backtick is not in the table
        ("`" + "a" * 70, 2),
        ("م" * 70, 1),
        ("م" * 71, 2),
        ("م" * 134, 2),
        ("م" * 135, 3),
        ("😀" * 35, 1),  # two units each
        ("😀" * 36, 2),
        ("م" * 66 + "😀" * 3, 2),
        ("م" * 66 + "😀" + "م" * 65, 2),
        ("م" * 66 + "😀" + "م" * 66, 3),
    ],
)
def test_segments_are_counted_as_networks_bill_them(text: str, segments: int) -> None:
    assert count_segments(text) == segments


def test_the_texts() -> None:
    english = sms_text("en", code="123456", business="Muscat Coffee", minutes=5)
    assert english == "123456 is your code for Muscat Coffee. Valid for 5 minutes."
    arabic = sms_text("ar", code="123456", business="قهوة مسقط", minutes=5)
    assert arabic == "123456 رمزك لدى قهوة مسقط. صالح 5 دقائق."


@given(st.text(max_size=400), st.sampled_from(LOCALES), st.integers(5, 10))
def test_any_business_name_makes_exactly_one_segment(
    business: str, locale: Locale, minutes: int
) -> None:
    text = sms_text(locale, code="123456", business=business, minutes=minutes)
    assert count_segments(text) == 1
    assert text.startswith("123456 ")
    assert str(minutes) in text.removeprefix("123456")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    "business",
    ["Coffee " * 40, "قهوة " * 40, "Coffee {minutes} {0}" * 20, "é😀" * 90, "e\u0301" * 90],
)
def test_a_long_name_is_cut_and_not_left_out(locale: Locale, business: str) -> None:
    text = sms_text(locale, code="123456", business=business, minutes=5)
    assert count_segments(text) == 1
    assert business[:8] in text


def test_a_name_is_cut_before_a_letter_and_never_between_it_and_its_marks() -> None:
    text = sms_text("en", code="123456", business="e\u0301" * 90, minutes=5)
    assert "\u0301." in text


@given(st.text(max_size=100), st.sampled_from(LOCALES))
def test_a_name_brings_no_controls_or_direction_overrides(business: str, locale: Locale) -> None:
    text = sms_text(locale, code="123456", business="\u202e" + business, minutes=5)
    assert not [c for c in text if unicodedata.category(c)[0] == "C" and c not in "\u200c\u200d"]


@pytest.mark.parametrize("locale", LOCALES)
def test_a_call_says_each_digit_twice(locale: Locale) -> None:
    sentences = spoken_text(locale, code="123456", business="Muscat Coffee")
    assert sum("1, 2, 3, 4, 5, 6" in sentence for sentence in sentences) == 2
    assert "Muscat Coffee" in sentences[0]
