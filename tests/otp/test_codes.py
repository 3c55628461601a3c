from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest

from crm_saas.otp.codes import Challenge, codes_equal, derive_code, typed_code

KEYS = {1: b"\x01" * 32, 2: b"\x02" * 32}
CHALLENGE = Challenge(
    id=UUID(int=7),
    tenant_id=UUID(int=8),
    phone_hash=b"\x09" * 32,
    purpose="registration",
    key_id=1,
    send_counter=0,
)


def test_a_code_is_six_digits_and_always_the_same() -> None:
    code = derive_code(KEYS, CHALLENGE)
    assert code is not None
    assert len(code) == 6
    assert code.isascii()
    assert code.isdigit()
    assert derive_code(KEYS, CHALLENGE) == code


@pytest.mark.parametrize(
    "change",
    [
        {"id": UUID(int=1)},
        {"tenant_id": UUID(int=1)},
        {"phone_hash": b"\x01" * 32},
        {"purpose": "login"},
        {"key_id": 2},
        {"send_counter": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_code_is_bound_to_all_of_its_challenge(change: dict[str, object]) -> None:
    """Over twenty sendings: two single codes may be equal by chance, one in a million."""

    def codes(challenge: Challenge) -> list[str | None]:
        start = challenge.send_counter
        return [derive_code(KEYS, replace(challenge, send_counter=start + n)) for n in range(20)]

    assert codes(replace(CHALLENGE, **change)) != codes(CHALLENGE)  # type: ignore[arg-type]


def test_rotation_keeps_codes_that_are_on_their_way() -> None:
    before = derive_code({1: KEYS[1]}, CHALLENGE)
    assert derive_code(KEYS, CHALLENGE) == before
    assert derive_code({2: KEYS[2]}, CHALLENGE) is None


def test_codes_are_spread_evenly() -> None:
    """Chi-squared over the first digit of 5,000 codes; 9 degrees of freedom, one in 10^6 fails."""
    codes = [
        derive_code(KEYS, replace(CHALLENGE, id=UUID(int=n), send_counter=n % 3))
        for n in range(5_000)
    ]
    counts = Counter(code[0] for code in codes if code)
    assert sum((counts[digit] - 500) ** 2 / 500 for digit in "0123456789") < 45
    assert len(set(codes)) > 4_950


@pytest.mark.parametrize("text", ["123456", " 123 456 ", "123-456", "١٢٣٤٥٦", "۱۲۳۴۵۶"])
def test_codes_are_read_as_people_type_them(text: str) -> None:
    assert typed_code(text) == "123456"


@pytest.mark.parametrize("text", ["", "12345", "1234567", "१२३४५६", "12345é", "\ud800"])
def test_what_is_not_the_code_is_not_equal(text: str) -> None:
    assert not codes_equal("123456", text)
    assert codes_equal("123456", "123456")
