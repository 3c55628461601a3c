"""Phones and e-mails that nearly agree: in one tenant, no two customers have the same."""

from typing import NamedTuple

from rapidfuzz.distance import OSA

from crm_saas.customers.likelihood import Ground
from crm_saas.kit.emails import email_key

_TAIL_DIGITS = 7
# What a mobile's number has without its country, in most countries; numbers are not compared
# across countries but for their last digits.
_NUMBER_DIGITS = 8
_MAILBOX_LETTERS_MIN = 5
_MAILBOX_LETTERS_LONG = 10
# That one person has two of them. Another phone speaks against nothing: it is why there are two
# profiles.
_OTHER_EMAIL = 0.2
# Of the mailboxes of one name, so many are a digit away from one, and so few are spelled a letter
# otherwise.
_SAME_MAILBOX, _DIGITS_NEAR, _SELDOM_SPELLED = 4, 20, 30
_YEAR_DIGITS, _YEARS = 4, 60.0
# Addresses of a desk, not of a person.
SHARED_MAILBOXES = frozenset(["admin", "contact", "hello", "info", "office", "sales", "support"])


class Contacts(NamedTuple):
    phone: str | None
    email: str | None
    mailbox: str
    domain: str


def read_contacts(phone: str | None, email: str | None) -> Contacts:
    key = email_key(email) if email else None
    local, _, domain = (key or "").rpartition("@")
    return Contacts(phone, key, local.partition("+")[0], domain)


def compare_contacts(a: Contacts, b: Contacts, same_name: bool) -> list[Ground]:
    grounds: list[Ground | None] = []
    if a.phone and b.phone:
        grounds.append(_compare_phones(a.phone, b.phone, same_name))
    if a.email and b.email:
        grounds.append(_compare_emails(a, b, same_name))
    return [ground for ground in grounds if ground]


def phones_nearly_agree(a: str, b: str) -> bool:
    """One digit wrong, or two neighbours swapped."""
    return len(a) == len(b) and 0 < OSA.distance(a, b, score_cutoff=1) <= 1


def _compare_phones(a: str, b: str, same_name: bool) -> Ground | None:
    if a == b:
        return Ground("phone", "same phone", 1e7)
    if a[-_TAIL_DIGITS:] == b[-_TAIL_DIGITS:]:
        return Ground("phone_ending", "phones end in the same 7 digits", 1e5)
    if not phones_nearly_agree(a, b):
        return None
    # Numbers bought together follow each other: those of a family.
    follow = a[:-1] == b[:-1] and abs(int(a[-1]) - int(b[-1])) <= 3
    times = (3e3 if same_name else 200) if follow else 7e4
    return Ground("phone_digit", "phones differ in one digit", times, is_close=not follow)


def _compare_emails(a: Contacts, b: Contacts, same_name: bool) -> Ground | None:
    if a.email == b.email:
        return Ground("email", "same e-mail", 1e7)
    one, other = sorted((a.mailbox, b.mailbox), key=len)
    if len(one) < _MAILBOX_LETTERS_MIN or one in SHARED_MAILBOXES:
        return None
    times = 1e5 if len(one) >= _MAILBOX_LETTERS_LONG else 1e4
    # Who has the same name often takes the same mailbox: beside it, only its digits tell.
    named = min(times, _SAME_MAILBOX * _choices(one)) if same_name else times
    if one == other and a.domain == b.domain:
        # With another tag behind the plus: one mailbox, which may be a family's.
        times = max(2.0, min(named, times / 100))
        return Ground("email_name", "same mailbox", times, is_close=False)
    if one == other:
        return Ground("email_name", "same e-mail name at another domain", named)
    if a.domain != b.domain or OSA.distance(one, other, score_cutoff=1) > 1:
        return Ground("email", "different e-mails", _OTHER_EMAIL)
    # Another digit is more often another person.
    if _without_digits(one) == _without_digits(other):
        times = max(1.0, named / _DIGITS_NEAR) if same_name else times / 100
        return Ground("email_letter", "e-mails differ in a digit", times)
    if same_name:
        times = min(times, named * _SELDOM_SPELLED)
    return Ground("email_letter", "e-mails differ in one letter", times)


def _choices(mailbox: str) -> float:
    """Among how many mailboxes those of one name choose: a year of birth is one of sixty, be it
    written with two digits or with four."""
    digits = "".join(letter for letter in mailbox if letter.isdigit())
    if len(digits) == _YEAR_DIGITS and digits.startswith(("19", "20")):
        return _YEARS
    return min(float(10 ** len(digits)), _YEARS) if len(digits) <= 2 else float(10 ** len(digits))


def _without_digits(text: str) -> str:
    return "".join(letter for letter in text if not letter.isdigit())
