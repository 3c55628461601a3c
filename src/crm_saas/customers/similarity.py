"""How likely two profiles are one person, and why (SPEC 5.1). Pure: no database, no settings."""

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler

from crm_saas.customers.folding import fold_text
from crm_saas.customers.skeletons import NAME_LENGTH_MAX, consonants, name_words, vowels_agree
from crm_saas.kit.emails import email_key

Kind = Literal[
    "phone",
    "phone_ending",
    "email",
    "email_name",
    "name",
    "transliteration",
    "birth_date",
    "company",
]

TOKENS_MAX = 12
_NAME_SIMILARITY_MIN = 0.84
_TOKEN_SIMILARITY_MIN = 0.78
# Addresses of a desk, not of a person.
_SHARED_MAILBOXES = frozenset(["admin", "contact", "hello", "info", "office", "sales", "support"])
_ARABIC = re.compile("[\u0621-\u064a]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is compared. Phones are E.164, e-mails as parse_email left them."""

    name: str | None = None
    name2: str | None = None
    phone: str | None = None
    email: str | None = None
    birth_date: date | None = None
    company: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """`weight`: the probability that this alone would give, 0 to 1; negative speaks against."""

    kind: Kind
    detail: str
    weight: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    score: float
    evidence: list[Evidence]


def score_pair(a: Profile, b: Profile) -> Suggestion:
    """Symmetric. Independent grounds add up as 1 - (1-w1)(1-w2)…, objections take their share."""
    evidence = [
        *_phone_evidence(a.phone, b.phone),
        *_email_evidence(a.email, b.email),
        *_name_evidence(a, b),
        *_birth_date_evidence(a.birth_date, b.birth_date),
        *_company_evidence(a.company, b.company),
    ]
    doubt = math.prod(1 - ground.weight for ground in evidence if ground.weight > 0)
    objection = math.prod(1 + ground.weight for ground in evidence if ground.weight < 0)
    score = (1 - doubt) * objection
    return Suggestion(round(score, 4), sorted(evidence, key=lambda ground: -ground.weight))


def _phone_evidence(a: str | None, b: str | None) -> list[Evidence]:
    if not a or not b:
        return []
    if a == b:
        return [Evidence("phone", "same phone", 0.9)]
    if a[-7:] == b[-7:]:
        return [Evidence("phone_ending", "phones end in the same 7 digits", 0.5)]
    return []


def _email_evidence(a: str | None, b: str | None) -> list[Evidence]:
    if not a or not b:
        return []
    key_a, key_b = email_key(a), email_key(b)
    if key_a == key_b:
        return [Evidence("email", "same e-mail", 0.9)]
    name_a, name_b = (key.rpartition("@")[0].partition("+")[0] for key in (key_a, key_b))
    if name_a == name_b and len(name_a) >= 5 and name_a not in _SHARED_MAILBOXES:
        return [Evidence("email_name", "same e-mail name at another domain", 0.4)]
    return []


def _name_evidence(a: Profile, b: Profile) -> list[Evidence]:
    """The best of all pairs of names; in one script by spelling and sound, across them by sound."""
    pairs = (_compare_names(one, other) for one in _names(a) for other in _names(b))
    found = [evidence for evidence in pairs if evidence]
    return [max(found, key=lambda ground: ground.weight)] if found else []


def _names(profile: Profile) -> list[str]:
    return [fold_text(name[:NAME_LENGTH_MAX]) for name in (profile.name, profile.name2) if name]


def _compare_names(one: str, other: str) -> Evidence | None:
    shorter, longer = sorted(
        (name_words(one)[:TOKENS_MAX], name_words(other)[:TOKENS_MAX]),
        key=lambda words: (len(words), words),
    )
    across = bool(_ARABIC.search(one)) != bool(_ARABIC.search(other))
    similarity = _tokens_similarity(shorter, longer, across)
    if similarity < _NAME_SIMILARITY_MIN:
        return None
    # A first name alone says little, a full one more.
    # Across scripts even the best match is only a likely one: 0.5 makes it 0.45.
    ceiling = (0.5 if across else 0.6) if len(shorter) > 1 else 0.2
    weight = round(ceiling * similarity**2, 4)
    if across:
        return Evidence("transliteration", "names sound alike in both scripts", weight)
    same = sorted(shorter) == sorted(longer)
    return Evidence("name", "same name" if same else f"names {similarity:.0%} alike", weight)


def _tokens_similarity(shorter: list[str], longer: list[str], across: bool) -> float:
    """Mean over the shorter name, each word with the best one left; 0 where one has no partner.

    Whole-string measures fail here: a shared family name makes brothers 87 % alike.
    """
    left = list(longer)
    total = 0.0
    for token in shorter:
        best = max(left, key=lambda candidate: _token_similarity(token, candidate, across))
        similarity = _token_similarity(token, best, across)
        if similarity < _TOKEN_SIMILARITY_MIN:
            return 0
        left.remove(best)
        total += similarity
    return total / len(shorter) if shorter else 0


def _token_similarity(one: str, other: str, across: bool) -> float:
    spelling = 0.0 if across else JaroWinkler.normalized_similarity(one, other)
    sound, other_sound = consonants(one), consonants(other)
    if sound == other_sound and len(sound) > 1:
        return _same_sound_similarity(one, other) if across else max(spelling, 0.88)
    if across and min(len(sound), len(other_sound)) > 1:
        return JaroWinkler.normalized_similarity(sound, other_sound)
    return spelling


def _same_sound_similarity(one: str, other: str) -> float:
    arabic, latin = (one, other) if _ARABIC.search(one) else (other, one)
    return 0.95 if vowels_agree(latin, arabic) else 0.8


def _birth_date_evidence(a: date | None, b: date | None) -> list[Evidence]:
    if not a or not b:
        return []
    if a == b:
        return [Evidence("birth_date", "same date of birth", 0.35)]
    if a.year == b.year and (a.month, a.day) == (b.day, b.month):
        return [Evidence("birth_date", "dates of birth with day and month swapped", 0.25)]
    return [Evidence("birth_date", "different dates of birth", -0.4)]


def _company_evidence(a: str | None, b: str | None) -> list[Evidence]:
    if not a or not b:
        return []
    similarity = fuzz.token_sort_ratio(
        fold_text(a[:NAME_LENGTH_MAX]), fold_text(b[:NAME_LENGTH_MAX])
    )
    return [Evidence("company", "same company", 0.2)] if similarity >= 92 else []
