"""Phone numbers the way people type them, to E.164 and back to what may be shown (SPEC 2.6)."""

import re

import phonenumbers
from phonenumbers import PhoneNumber

LENGTH_MAX = 64
NOWHERE = "ZZ"
E164_PATTERN = re.compile(r"\+[1-9][0-9]{6,14}")

# Zero-width characters and bidi marks, which come along when a number is copied from Arabic text.
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DIGITS = str.maketrans(
    "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹０１２３４５６７８９＋－．（）／\u2010\u2011\u2012\u2013\u2014\u2212",
    "0123456789" * 3 + "+-.()/" + "-" * 6,
)
_ALLOWED = re.compile(r"\+?[0-9 .()/-]+")
_COUNTRY_NAMES = {
    "AE": "the United Arab Emirates",
    "BH": "Bahrain",
    "EG": "Egypt",
    "GB": "the United Kingdom",
    "IN": "India",
    "KE": "Kenya",
    "KW": "Kuwait",
    "OM": "Oman",
    "PK": "Pakistan",
    "QA": "Qatar",
    "SA": "Saudi Arabia",
    "US": "the United States",
    "YE": "Yemen",
}


class InvalidPhone(ValueError):
    """`reason` completes "The phone number …" and is fit to be shown."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_phone(text: str, region: str) -> str:
    """E.164 of what was typed; `region` (ISO 3166) is where a number without country code is from.

    Whether the number is assigned, mobile or dear to call is for others to judge; a number that
    the numbering plan of its country does not have is refused.
    """
    number = _parse(_clean(text), region.upper())
    if not phonenumbers.is_valid_number(number):
        raise InvalidPhone(_refusal(number, region.upper()))
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not E164_PATTERN.fullmatch(e164):
        raise InvalidPhone("is not an international number of 7 to 15 digits.")
    return e164


def parse_international(text: str) -> str:
    """E.164 of what needs no region to be read. Raises InvalidPhone for everything else."""
    return parse_phone(text, NOWHERE)


def mask_phone(e164: str) -> str:
    """`+96890123456` → `+968901****56`: country code, three digits, the last two.

    The stars are always four, so that they do not tell the length. At least three digits stay
    hidden: shorter numbers show fewer leading digits, those under five none at all.
    """
    code, rest = _split(e164)
    if len(rest) < 5:
        return f"+{code}****"
    shown = min(3, len(rest) - 5)
    return f"+{code}{rest[:shown]}****{rest[-2:]}"


def phone_country(e164: str) -> str | None:
    """ISO 3166 code, or None for numbers of no country (+800, +870)."""
    region = phonenumbers.region_code_for_number(phonenumbers.parse(e164, None))
    return None if region in (None, "001") else region


def _clean(text: str) -> str:
    if len(text) > LENGTH_MAX:
        raise InvalidPhone(f"is longer than {LENGTH_MAX} characters.")
    cleaned = _INVISIBLE.sub("", text).translate(_DIGITS)
    cleaned = " ".join(cleaned.split())
    if not cleaned:
        raise InvalidPhone("is empty.")
    if any(letter.isalpha() for letter in cleaned):
        raise InvalidPhone("contains letters; write the digits only, without an extension.")
    # "(+968) 9012 3456": a plus may stand in brackets, but only before the first digit.
    cleaned = re.sub(r"^\(\s*\+", "+(", cleaned)
    if not _ALLOWED.fullmatch(cleaned):
        raise InvalidPhone(
            "contains characters that no phone number has; "
            "digits, spaces, hyphens, dots, brackets and a leading plus are fine."
        )
    if not any(character.isdigit() for character in cleaned):
        raise InvalidPhone("contains no digits.")
    return cleaned


def _parse(cleaned: str, region: str) -> PhoneNumber:
    international = cleaned.startswith("+")
    digits = re.sub(r"[^0-9]", "", cleaned)
    if not international and digits.startswith("00"):
        # 00 is dialled abroad in most countries, and typed in all of them.
        international, digits = True, digits[2:]
    known_region = region in phonenumbers.SUPPORTED_REGIONS
    if not international and not known_region:
        raise InvalidPhone("has no country code; begin it with + and the code, as in +968.")
    try:
        number = phonenumbers.parse(f"+{digits}" if international else digits, region)
    except phonenumbers.NumberParseException as error:
        raise InvalidPhone(_unreadable(error.error_type, international)) from error
    if not international and not phonenumbers.is_valid_number(number):
        return _without_plus(digits, number)
    return number


def _without_plus(digits: str, national: PhoneNumber) -> PhoneNumber:
    """`968 9012 3456` in Oman, or a leading zero where the country has no trunk prefix."""
    for candidate in (f"+{digits}", f"+{national.country_code}{digits.lstrip('0')}"):
        try:
            number = phonenumbers.parse(candidate, None)
        except phonenumbers.NumberParseException:
            continue
        # Any country would do for chance digits; only the one expected is a likely intention.
        if number.country_code == national.country_code and phonenumbers.is_valid_number(number):
            return number
    return national


def _unreadable(error_type: int, international: bool) -> str:
    if error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE and international:
        return "begins with a country code that does not exist; +968 would be Oman."
    if error_type == phonenumbers.NumberParseException.TOO_LONG:
        return "is too long; no country has numbers of more than 15 digits."
    return "is too short to be a phone number."


def _refusal(number: PhoneNumber, region: str) -> str:
    code = number.country_code or 0
    country = phonenumbers.region_code_for_country_code(code)
    if region in phonenumbers.region_codes_for_country_code(code):
        country = region
    place = _COUNTRY_NAMES.get(country, f"the country code +{code}")
    lengths = _lengths(country)
    if not lengths:
        return f"does not exist in the numbering plan of {place}."
    expected = " or ".join(str(length) for length in sorted(lengths))
    # The library also knows lengths of service numbers, which would tell a typing person nothing.
    length = len(phonenumbers.national_significant_number(number))
    if length < min(lengths):
        return f"is too short for {place}; expected {expected} digits after +{code}."
    if length > max(lengths):
        return f"is too long for {place}; expected {expected} digits after +{code}."
    if length not in lengths:
        return f"has the wrong length for {place}; expected {expected} digits after +{code}."
    return f"does not exist in the numbering plan of {place}; check the digits after +{code}."


def _lengths(country: str) -> set[int]:
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    examples = (phonenumbers.example_number_for_type(country, kind) for kind in kinds)
    return {len(phonenumbers.national_significant_number(number)) for number in examples if number}


def _split(e164: str) -> tuple[str, str]:
    number = phonenumbers.parse(e164, None)
    code = str(number.country_code)
    return code, e164.removeprefix(f"+{code}")
