"""How likely two profiles are one person, and why (SPEC 5.1). Pure: no database, no settings.

After Fellegi and Sunter (1969): a ground is worth as many times as it is likelier between two
profiles of one person than between two of the tenant's people by chance. A name is worth little
where many bear it, and nothing is worth as much among a million customers as among a hundred.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from crm_saas.customers.contacts import Contacts, compare_contacts, read_contacts
from crm_saas.customers.folding import fold_text
from crm_saas.customers.likelihood import Ground
from crm_saas.customers.naming import ComparedName, compare_names, read_names
from crm_saas.customers.skeletons import NAME_LENGTH_MAX

Kind = Literal[
    "phone",
    "phone_ending",
    "phone_digit",
    "email",
    "email_name",
    "email_letter",
    "name",
    "transliteration",
    "birth_date",
    "company",
    "address",
]

# So many customers have a second profile. It scales every score and changes no order.
_REPEATED_SHARE = 0.06
# In a smaller tenant chance counts as much as in one of this size: what two customers of three
# have in common tells little more than what two of a thousand have.
_CUSTOMERS_MIN = 1000
# What counts of a word before any is counted: so many bearers among so many people, and fewer
# where it may be a slip of the pen.
_UNCOUNTED_WEIGHT = 1000
# Of two namesakes with numbers that follow each other, that they are one person; and of those who
# have an address or a mailbox in common too.
_NAMESAKES_ODDS, _HOUSEHOLD_ODDS = 1.5, 0.6
_EXPECTED, _EXPECTED_OF_NONSENSE = 0.5, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is compared. Phones are E.164, e-mails as parse_email left them; `places` are addresses
    as `place_of` writes them."""

    name: str | None = None
    name2: str | None = None
    phone: str | None = None
    email: str | None = None
    birth_date: date | None = None
    company: str | None = None
    places: frozenset[str] = frozenset()


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


@dataclass(frozen=True, slots=True)
class NameCounts:
    """How many of a tenant's customers bear a word in their name: by its consonants, and as it is
    spelled.

    Only the commoner words are listed; of the others, each has `unlisted` at the most.
    """

    customers: int = 0
    words: Mapping[str, int] = field(default_factory=dict)
    unlisted: int = 0
    spelled: Mapping[str, int] = field(default_factory=dict)
    unlisted_spelled: int = 0

    def share(self, word: str) -> float:
        """Of others than the two who are compared."""
        others = max(0, self.words.get(word, self.unlisted) - 2)
        return (others + _EXPECTED) / (self.customers + _UNCOUNTED_WEIGHT)

    def share_spelled(self, word: str) -> float:
        """Of others than the one who has it of the two: a word mistyped once is nobody else's."""
        others = max(0, self.spelled.get(word, self.unlisted_spelled) - 1)
        return (others + _EXPECTED_OF_NONSENSE) / (self.customers + _UNCOUNTED_WEIGHT)

    @property
    def chance(self) -> float:
        """The odds that two customers are one person before anything is known of them: of the
        pairs of so many customers, which are half their square."""
        return 2 * _REPEATED_SHARE / max(self.customers, _CUSTOMERS_MIN)


class Compared(NamedTuple):
    """A profile made ready: folded, split, and so on, once for all its comparisons."""

    names: list[ComparedName]
    contacts: Contacts
    birth_date: date | None
    company: str | None
    places: frozenset[str]


def read_profile(profile: Profile) -> Compared:
    company = profile.company and fold_text(profile.company[:NAME_LENGTH_MAX])
    return Compared(
        read_names(profile.name, profile.name2),
        read_contacts(profile.phone, profile.email),
        profile.birth_date,
        company or None,
        profile.places,
    )


def score_pair(a: Profile, b: Profile, counts: NameCounts | None = None) -> Suggestion:
    return score(read_profile(a), read_profile(b), counts or NameCounts())


def score(a: Compared, b: Compared, counts: NameCounts) -> Suggestion:
    """Symmetric."""
    grounds = find_grounds(a, b, counts)
    chance = counts.chance
    odds = chance * math.prod(ground.times for ground in grounds)
    grounds.sort(key=lambda ground: -ground.times)
    return Suggestion(
        round(odds / (1 + odds), 4),
        [Evidence(g.kind, g.detail, _weight(g.times, chance)) for g in grounds],  # type: ignore[arg-type]
    )


def find_grounds(a: Compared, b: Compared, counts: NameCounts) -> list[Ground]:
    named = compare_names(a.names, b.names, counts)
    namesakes = named if named is not None and named.is_close and named.times > 1 else None
    births = _compare_birth_dates(a.birth_date, b.birth_date)
    # Of two ages and one name, in one house: father and son.
    one_age = all(ground.times > 1 for ground in births)
    shared = [
        *compare_contacts(a.contacts, b.contacts, namesakes is not None),
        *_compare_places(a.places, b.places, namesakes is not None and one_age),
    ]
    return [
        *_once_for_a_family(shared, namesakes, counts.chance),
        *([named] if named else []),
        *births,
        *_compare_companies(a.company, b.company),
    ]


def _compare_places(a: frozenset[str], b: frozenset[str], same_name: bool) -> list[Ground]:
    """A family shares its address, and seldom a name."""
    if not a & b:
        return []
    return [Ground("address", "same address", 20_000 if same_name else 300, is_close=False)]


def _once_for_a_family(
    grounds: list[Ground], namesakes: Ground | None, chance: float
) -> list[Ground]:
    """Numbers that follow each other, one mailbox and one address tell no more together than one
    of them: who lives together has all of them."""
    shared = [ground for ground in grounds if not ground.is_close]
    if not shared:
        return grounds
    first = min(shared, key=lambda ground: (ground.kind != "phone_digit", ground.times))
    times = first.times
    if namesakes is not None and first.kind == "phone_digit":
        # A son named as his father: as likely as one person, however rare the name.
        odds = _NAMESAKES_ODDS if len(shared) == 1 else _HOUSEHOLD_ODDS
        times = min(times, odds / (chance * namesakes.times))
    kept = {id(ground): 1.0 for ground in shared} | {id(first): max(1.0, times)}
    return [
        ground._replace(times=min(ground.times, kept.get(id(ground), ground.times)))
        for ground in grounds
    ]


def place_of(parts: Iterable[str | None]) -> str | None:
    """An address as it is compared; None for one that names no house: a street holds many."""
    building, *others = (fold_text(part or "") for part in parts)
    named = [part for part in others if part]
    return " ".join([building, *named])[:NAME_LENGTH_MAX] if building and named else None


def _weight(times: float, chance: float) -> float:
    if times < 1:
        return round(times - 1, 4)
    return round(chance * times / (1 + chance * times), 4)


@lru_cache(maxsize=20_000)
def _compare_birth_dates(a: date | None, b: date | None) -> tuple[Ground, ...]:
    """Some 20,000 dates are in use; the first of January stands for a year alone."""
    if not a or not b:
        return ()
    if a == b:
        times = 1000 if (a.month, a.day) == (1, 1) else 30_000
        return (Ground("birth_date", "same date of birth", times),)
    if a.year == b.year and (a.month, a.day) == (b.day, b.month):
        return (Ground("birth_date", "dates of birth with day and month swapped", 500),)
    if OSA.distance(a.isoformat(), b.isoformat(), score_cutoff=1) == 1:
        return (Ground("birth_date", "dates of birth differ in one digit", 20),)
    return (Ground("birth_date", "different dates of birth", 0.001),)


def _compare_companies(a: str | None, b: str | None) -> tuple[Ground, ...]:
    if not a or not b or fuzz.token_sort_ratio(a, b) < 92:
        return ()
    return (Ground("company", "same company", 20),)
