import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_saas.kit.phones import (
    E164_PATTERN,
    InvalidPhone,
    mask_phone,
    parse_phone,
    phone_country,
)


@pytest.mark.parametrize(
    "typed",
    [
        "90123456",
        "9012 3456",
        "9012-3456",
        "(968) 9012.3456",
        "+968 9012 3456",
        "(+968) 90123456",
        "0096890123456",
        "00968-9012-3456",
        "96890123456",
        "090123456",
        "٩٠١٢٣٤٥٦",
        "۹۰۱۲۳۴۵۶",
        "+٩٦٨ ٩٠١٢ ٣٤٥٦",
        "＋96890123456",
        "９０１２３４５６",
        "\u200e+968\u00a09012\u00a03456\u200f",
        "\u202a+96890123456\u202c",
        "9012\u20113456",
        "  90123456\t",
    ],
)
def test_every_way_of_typing_a_number_is_one_number(typed: str) -> None:
    assert parse_phone(typed, "OM") == "+96890123456"


@pytest.mark.parametrize(
    ("typed", "region", "expected"),
    [
        ("0712 345678", "KE", "+254712345678"),
        ("+44 (0)20 7946 0958", "OM", "+442079460958"),
        ("06 1234 5678", "IT", "+390612345678"),
        ("050 123 4567", "AE", "+971501234567"),
        ("+971501234567", "OM", "+971501234567"),
        ("90123456", "om", "+96890123456"),
    ],
)
def test_national_forms_of_other_countries(typed: str, region: str, expected: str) -> None:
    assert parse_phone(typed, region) == expected


@pytest.mark.parametrize(
    ("typed", "region", "reason"),
    [
        ("9012345", "OM", "is too short for Oman; expected 8 digits after +968."),
        ("+968901234567", "OM", "is too long for Oman; expected 8 digits after +968."),
        ("90123456", "ZZ", "has no country code"),
        ("90123456", "", "has no country code"),
        ("CALL-NOW", "OM", "contains letters"),
        ("90123456 ext 4", "OM", "contains letters"),
        ("90123456x4", "OM", "contains letters"),
        ("90123456#4", "OM", "contains characters"),
        ("90123456;ext=4", "OM", "contains letters"),
        ("9012+3456", "OM", "contains characters"),
        ("+999 123456", "OM", "a country code that does not exist"),
        ("00", "OM", "is too short"),
        ("", "OM", "is empty"),
        ("\u200f", "OM", "is empty"),
        ("()", "OM", "contains no digits"),
        ("+96800000000", "OM", "does not exist in the numbering plan of Oman"),
        ("1" * 65, "OM", "is longer than 64 characters"),
        ("9012\x003456", "OM", "contains characters"),
    ],
)
def test_a_refusal_says_why(typed: str, region: str, reason: str) -> None:
    with pytest.raises(InvalidPhone) as refusal:
        parse_phone(typed, region)
    assert reason in refusal.value.reason


@given(
    st.one_of(
        st.text(max_size=70),
        st.text(alphabet="0123456789+-() .٠٩۰۹\u200f", max_size=20),
        st.from_regex(r"\+?[1-9][0-9]{6,14}", fullmatch=True),
    ),
    st.sampled_from(["OM", "KE", "US", "AR", "MX", "IT", "BR", "", "ZZ", "001"]),
)
def test_any_text_is_a_number_or_refused(typed: str, region: str) -> None:
    try:
        phone = parse_phone(typed, region)
    except InvalidPhone as refusal:
        assert refusal.reason.endswith(".")
        return
    assert E164_PATTERN.fullmatch(phone)
    assert parse_phone(phone, region) == phone
    assert parse_phone(phone, "OM") == phone
    assert phone not in mask_phone(phone)


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("+96890123456", "+968901****56"),
        ("+12025550123", "+1202****23"),
        ("+2901234", "+290****"),
        ("+29012345", "+290****45"),
        ("+290123456", "+2901****56"),
    ],
)
def test_a_masked_number_hides_three_digits_or_more(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked


def test_country() -> None:
    assert phone_country("+96890123456") == "OM"
    assert phone_country("+12042345678") == "CA"
    assert phone_country("+80012345678") is None
