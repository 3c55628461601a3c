"""Reads a phone as people type it, and says whether codes are sent there."""

from collections.abc import Collection
from typing import NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

from crm_saas.kit.errors import InvalidInput
from crm_saas.otp.errors import PhoneNotServed

# Where the caller earns on each message: what toll fraud is made of.
_DEAR = {
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.UAN,
    PhoneNumberType.VOICEMAIL,
    PhoneNumberType.PAGER,
}
DEFAULT_COUNTRIES = frozenset({"OM", "AE", "SA", "QA", "BH", "KW"})


class Phone(NamedTuple):
    e164: str
    country: str | None
    """ISO 3166; none for numbers of no country, such as satellite phones."""
    dear: bool


def read_phone(text: str, region: str) -> Phone:
    """Spaces, brackets, 00, national form and Arabic-Indic digits are fine. Raises InvalidInput."""
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise _invalid(f"is not a phone number: {error}") from error
    if not phonenumbers.is_valid_number(number):
        raise _invalid("is not a number that can be reached; check its digits and country code")
    return Phone(
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
        phonenumbers.region_code_for_number(number),
        phonenumbers.number_type(number) in _DEAR,
    )


def check_served(phone: Phone, *, region: str, countries: Collection[str]) -> None:
    """The operator's countries and the tenant's own. Raises PhoneNotServed.

    Plain to see, since it depends on the number alone and tells nothing of what anybody knows.
    """
    served = frozenset(countries or DEFAULT_COUNTRIES) | {region}
    if phone.dear or phone.country not in served:
        raise PhoneNotServed.of(phone.country)


def _invalid(message: str) -> InvalidInput:
    return InvalidInput.of("phone", message, "invalid-phone")
