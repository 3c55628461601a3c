import pytest

from crm_saas.kit.errors import InvalidInput
from crm_saas.otp.errors import PhoneNotServed
from crm_saas.otp.phones import check_served, read_phone


def served(e164: str, *, region: str = "OM", countries: tuple[str, ...] = ()) -> bool:
    try:
        check_served(e164, region=region, countries=countries)
    except PhoneNotServed:
        return False
    return True


def test_the_operators_countries_and_the_tenants_own_are_served() -> None:
    assert served("+96890123456")
    assert served("+971501234567")
    assert not served("+447400123456")
    assert served("+447400123456", countries=("GB",))
    assert not served("+971501234567", countries=("GB",))
    assert served("+254712123456", region="KE", countries=("GB",))


@pytest.mark.parametrize(
    "e164",
    [
        "+96890012345",  # premium rate
        "+881612345678",  # satellite
        "+979123456789",  # international premium rate
    ],
)
def test_dear_numbers_and_those_of_no_country_are_not(e164: str) -> None:
    assert not served(e164)


def test_what_is_no_phone_is_refused_with_a_reason() -> None:
    assert read_phone("9012 3456", "OM") == "+96890123456"
    with pytest.raises(InvalidInput, match="too short") as refusal:
        read_phone("9012", "OM")
    assert refusal.value.fields[0].field == "phone"
