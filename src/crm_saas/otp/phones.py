"""Whether codes are sent to a phone: country and kind, which the number alone tells."""

from collections.abc import Collection

import phonenumbers
from phonenumbers import PhoneNumberType

from crm_saas.kit.errors import InvalidInput
from crm_saas.kit.phones import InvalidPhone, parse_phone, phone_country
from crm_saas.otp.errors import PhoneNotServed

# Where whoever is called earns on each message: what toll fraud is made of.
_DEAR = {
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.UAN,
    PhoneNumberType.VOICEMAIL,
    PhoneNumberType.PAGER,
}
DEFAULT_COUNTRIES = frozenset({"OM", "AE", "SA", "QA", "BH", "KW"})


def read_phone(text: str, region: str) -> str:
    """E.164 of what was typed. Raises InvalidInput."""
    try:
        return parse_phone(text, region)
    except InvalidPhone as error:
        raise InvalidInput.of("phone", error.reason, "invalid-phone") from error


def check_served(e164: str, *, region: str, countries: Collection[str]) -> None:
    """The operator's countries and the tenant's own. Raises PhoneNotServed.

    Plain to see, since it tells nothing of what anybody knows.
    """
    country = phone_country(e164)
    dear = phonenumbers.number_type(phonenumbers.parse(e164, None)) in _DEAR
    if dear or country not in frozenset(countries or DEFAULT_COUNTRIES) | {region}:
        raise PhoneNotServed.of(country)
