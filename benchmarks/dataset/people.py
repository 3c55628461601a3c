"""Made-up customers. The same tenant and place make the same person, whoever asks and when."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple
from uuid import UUID

from benchmarks.dataset.names import (
    COMPANIES,
    DOMAINS,
    FAMILIES,
    FAMILIES_ABROAD,
    GIVEN,
    GIVEN_ABROAD,
    SYLLABLES,
    Names,
)

BEGINNING = datetime(2023, 11, 1, tzinfo=UTC)
SPAN_SECONDS = 3 * 365 * 86_400
RARE_SHARE, ABROAD_SHARE = 0.12, 0.1

CUSTOMER_COLUMNS = (
    "tenant_org_id", "id", "customer_number", "customer_seq", "profile_status", "status",
    "journey_stage", "lifecycle", "customer_type", "name", "name2", "first_name", "last_name",
    "display_name", "date_of_birth", "locale", "company_name", "phone", "phone_verified_at",
    "email", "email_key", "assigned_to", "team_id", "created_at", "updated_at",
)  # fmt: skip
IDENTIFIER_COLUMNS = ("tenant_org_id", "id", "kind", "value", "customer_id", "created_at")
STATUSES = (("active", 95), ("inactive", 3), ("blocked", 2))
STAGES = (("prospect", 60), ("lead", 20), ("waiting", 8), ("reserved", 7), ("owner", 5))
LIFECYCLES = (("new", 55), ("repeat", 25), ("loyal", 10), ("vip", 3), ("atRisk", 7))
_NULL = r"\N"


class Named(NamedTuple):
    first: str
    last: str
    arabic: str


def tenant_id(tenant: int) -> UUID:
    return _made_id("018c0000", tenant, 0)


def customer_id(tenant: int, place: int) -> UUID:
    """Places are customer numbers: 1, 2, 3 …"""
    return _made_id("018c1000", tenant, place)


def team_id(tenant: int) -> UUID:
    return _made_id("018c2000", tenant, 0)


def member_id(tenant: int) -> UUID:
    return _made_id("018c3000", tenant, 0)


def _made_id(head: str, tenant: int, place: int) -> UUID:
    """In the form of UUIDv7; SQL can make it too (benchmarks/sql.py)."""
    return UUID(f"{head}-0000-7{tenant:03x}-8000-{place:012x}")


def is_guest(place: int) -> bool:
    return place % 10 == 9


def phone_of(tenant: int, place: int) -> str:
    """Unique in its tenant: multiplying by a number without common factors never repeats."""
    mixed = place * 7_368_787 + tenant * 104_729
    match place % 20:
        case 3:
            return f"+97150{1_000_000 + mixed % 9_000_000}"
        case 7:
            return f"+96650{1_000_000 + mixed % 9_000_000}"
        case 13:
            return f"+2547{10_000_000 + mixed % 9_000_000}"
        case 17:
            return f"+9198{10_000_000 + mixed % 9_000_000}"
    return f"+968{91_000_000 + mixed % 9_000_000}"


def new_phone(number: int) -> str:
    """One that no customer of the data set has; there are fifty million."""
    mixed = number * 7_368_787 % 50_000_000
    return f"+9715{'24568'[mixed // 10_000_000]}{mixed % 10_000_000:07d}"


class Part(NamedTuple):
    """Some customers of one tenant, by their numbers."""

    seed: int
    tenant: int
    size: int
    first: int
    rows: int


def people(part: Part) -> Iterator[tuple[str, str]]:
    """The lines of both tables, as COPY takes them."""
    chance = random.Random(f"{part.seed} {part.tenant} {part.first}")
    step = SPAN_SECONDS / part.size
    for place in range(part.first, part.first + part.rows):
        created_at = BEGINNING + timedelta(seconds=int(place * step))
        yield _lines(chance, part.tenant, place, created_at)


def _lines(chance: random.Random, tenant: int, place: int, created: datetime) -> tuple[str, str]:
    who, tenant_key, key = (
        _draw_name(chance),
        str(tenant_id(tenant)),
        str(customer_id(tenant, place)),
    )
    guest = is_guest(place)
    full = not guest and place % 3 == 0
    latin = f"{who.first} {who.last}"
    wording = chance.random()
    name = _NULL if wording < 0.2 else latin
    name2 = who.arabic if wording < 0.55 else _NULL
    split = wording > 0.8
    created_at = created.isoformat()
    updated_at = created_at
    if chance.random() < 0.3:
        updated_at = (created + timedelta(seconds=chance.randrange(30 * 86_400))).isoformat()
    phone = _NULL if guest else phone_of(tenant, place)
    email = _NULL
    if not guest and chance.random() < 0.4:
        email = _email(chance, who, place)
    company = f"{who.last} {chance.choice(COMPANIES)}" if place % 33 == 5 else _NULL
    mine = place % 5 == 1
    customer = (
        tenant_key, key, f"CUST-{place:05d}", str(place),
        "guest" if guest else "full" if full else "stub",
        _pick(chance, STATUSES), _pick(chance, STAGES), _pick(chance, LIFECYCLES),
        "individual" if company is _NULL else "business", name, name2,
        who.first if split else _NULL, who.last if split else _NULL,
        who.arabic if name is _NULL else name,
        _birthday(chance), "ar" if wording < 0.3 else "en", company, phone,
        created_at if full else _NULL, email, email,
        str(member_id(tenant)) if mine else _NULL, str(team_id(tenant)) if mine else _NULL,
        created_at, updated_at,
    )  # fmt: skip
    claims = [
        (kind, value) for kind, value in (("phone", phone), ("email", email)) if value != _NULL
    ]
    identifiers = (
        f"{tenant_key}\t{_claim_id(kind, tenant, place)}\t{kind}\t{value}\t{key}\t{created_at}\n"
        for kind, value in claims
    )
    return "\t".join(customer) + "\n", "".join(identifiers)


def _email(chance: random.Random, who: Named, place: int) -> str:
    family = who.last.rpartition(" ")[2]
    plain = f"{who.first}.{family}".replace(" ", "").lower().encode("ascii", "ignore").decode()
    return f"{plain}{place}@{chance.choice(DOMAINS)}"


def _claim_id(kind: str, tenant: int, place: int) -> UUID:
    return _made_id("018c4000" if kind == "phone" else "018c5000", tenant, place)


def _pick(chance: random.Random, weighted: tuple[tuple[str, int], ...]) -> str:
    drawn = chance.random() * 100
    for value, weight in weighted:
        drawn -= weight
        if drawn < 0:
            return value
    return weighted[0][0]


def _birthday(chance: random.Random) -> str:
    if chance.random() < 0.6:
        return _NULL
    month, day = chance.randrange(1, 13), chance.randrange(1, 29)
    return f"{chance.randrange(1950, 2008)}-{month:02d}-{day:02d}"


class _Drawn:
    """Draws a name, the n-th as often as Zipf's law has it."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._weights = list(accumulate(1 / (place + 2) for place in range(len(names))))

    def draw(self, chance: random.Random) -> tuple[str, str]:
        return chance.choices(self._names, cum_weights=self._weights)[0]


_GIVEN, _FAMILIES = _Drawn(GIVEN), _Drawn(FAMILIES)
_GIVEN_ABROAD, _FAMILIES_ABROAD = _Drawn(GIVEN_ABROAD), _Drawn(FAMILIES_ABROAD)


def _draw_name(chance: random.Random) -> Named:
    kind = chance.random()
    if kind < ABROAD_SHARE:
        given, family = _GIVEN_ABROAD.draw(chance), _FAMILIES_ABROAD.draw(chance)
        return Named(given[0], family[0], f"{given[1]} {family[1]}")
    given, father = _GIVEN.draw(chance), _GIVEN.draw(chance)
    family = _rare(chance) if kind < ABROAD_SHARE + RARE_SHARE else _FAMILIES.draw(chance)
    if kind < 0.5:
        return Named(given[0], family[0], f"{given[1]} {family[1]}")
    if kind < 0.75:
        last = f"bin {father[0]} {family[0]}"
        return Named(given[0], last, f"{given[1]} بن {father[1]} {family[1]}")
    return Named(given[0], f"{father[0]} {family[0]}", f"{given[1]} {father[1]} {family[1]}")


def _rare(chance: random.Random) -> tuple[str, str]:
    syllables = chance.choices(SYLLABLES, k=3)
    latin, arabic = ("".join(part[side] for part in syllables) for side in (0, 1))
    return f"Al {latin.capitalize()}i", f"ال{arabic}ي"
