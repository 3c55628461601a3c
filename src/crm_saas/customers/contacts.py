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


def compare_contacts(a: Contacts, b: Contacts, named: Ground | None) -> list[Ground]:
    grounds = []
    same_name = named is not None and named.is_close and named.times > 1
    if a.phone and b.phone and (ground := _compare_phones(a.phone, b.phone, same_name)):
        grounds.append(ground)
    if a.email and b.email and (ground := _compare_emails(a, b)):
        # Who has the same name often takes the same mailbox: beside it, it tells less.
        tells = _left_of(a, b) if same_name and ground.kind != "email" else 1.0
        grounds.append(ground._replace(times=max(2.0, ground.times * tells)))
    return grounds


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
    times = (5e3 if same_name else 300) if follow else 5e4
    return Ground("phone_digit", "phones differ in one digit", times)


def _compare_emails(a: Contacts, b: Contacts) -> Ground | None:
    if a.email == b.email:
        return Ground("email", "same e-mail", 1e7)
    one, other = sorted((a.mailbox, b.mailbox), key=len)
    if len(one) < _MAILBOX_LETTERS_MIN or one in SHARED_MAILBOXES:
        return None
    times = 1e5 if len(one) >= _MAILBOX_LETTERS_LONG else 1e4
    if one == other and a.domain == b.domain:
        # With another tag behind the plus: one mailbox, which may be a family's.
        return Ground("email_name", "same mailbox", times / 100)
    if one == other:
        return Ground("email_name", "same e-mail name at another domain", times)
    if a.domain != b.domain or OSA.distance(one, other, score_cutoff=1) > 1:
        return None
    # Another digit is more often another person.
    if _without_digits(one) == _without_digits(other):
        return Ground("email_letter", "e-mails differ in a digit", times / 100)
    return Ground("email_letter", "e-mails differ in one letter", times)


def _left_of(a: Contacts, b: Contacts) -> float:
    """The share of its worth that a mailbox keeps beside the same name: digits are its own."""
    digits = min(sum(letter.isdigit() for letter in c.mailbox) for c in (a, b))
    return float(min(1.0, 0.0001 * 10 ** min(digits, 3)))


def _without_digits(text: str) -> str:
    return "".join(letter for letter in text if not letter.isdigit())
