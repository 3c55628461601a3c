"""Made-up people: alone and in families, whose members share what duplicates share too."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import accumulate
from random import Random

from benchmarks.duplicates.names import (
    AREAS,
    COMPANIES,
    FAMILIES,
    FAMILIES_ABROAD,
    MAILBOXES,
    MEN,
    MEN_ABROAD,
    SYLLABLES,
    WOMEN,
    WOMEN_ABROAD,
    Names,
)

ABROAD_SHARE, RARE_SHARE, IN_FAMILY_SHARE = 0.2, 0.08, 0.25
_WEIGHTS = {
    id(names): list(accumulate(1 / (rank + 6) for rank in range(len(names))))
    for names in (MEN, WOMEN, FAMILIES, MEN_ABROAD, WOMEN_ABROAD, FAMILIES_ABROAD)
}
_BEGINNING = date(1945, 1, 1)
_ADULT_DAYS = 62 * 365

Name = tuple[str, str]  # Latin, Arabic


@dataclass(frozen=True)
class Person:
    given: Name
    father: Name
    grandfather: Name
    family: Name
    is_man: bool
    born: date
    phone: str
    email: str
    address: tuple[str, str, str, str] | None  # building, street, area, city
    company: str | None

    def full_name(self, script: int, form: str) -> str:
        """`form` has a letter a part: g(iven), f(ather), F(ather with bin), G(randfather), n."""
        son_of = (("bin", "بن"), ("bint", "بنت"))[not self.is_man][script]
        parts = {
            "g": self.given[script],
            "f": self.father[script],
            "F": f"{son_of} {self.father[script]}",
            "G": f"{('bin', 'بن')[script]} {self.grandfather[script]}",
            "n": self.family[script],
        }
        return " ".join(parts[letter] for letter in form)


def people(pick: Random) -> Iterator[Person]:
    """Without end. No two have the same phone or e-mail."""
    phones, emails = _phones(pick), set[str]()
    while True:
        if pick.random() < IN_FAMILY_SHARE / 3:
            yield from _family(pick, phones, emails)
        else:
            yield _single(pick, next(phones), emails)


def _single(pick: Random, phone: str, emails: set[str]) -> Person:
    is_man, abroad = pick.random() < 0.6, pick.random() < ABROAD_SHARE
    men, women = (MEN_ABROAD, WOMEN_ABROAD) if abroad else (MEN, WOMEN)
    given = _draw(pick, men if is_man else women)
    if pick.random() < RARE_SHARE:
        family = _rare_family(pick)
    else:
        family = _draw(pick, FAMILIES_ABROAD if abroad else FAMILIES)
    born = _birthday(pick)
    return Person(
        given, _draw(pick, men), _draw(pick, men), family, is_man, born, phone,
        _email(pick, given, family, born, emails),
        _address(pick) if pick.random() < 0.3 else None,
        _company(pick) if pick.random() < 0.05 else None,
    )  # fmt: skip


def _family(pick: Random, phones: Iterator[str], emails: set[str]) -> Iterator[Person]:
    """A father, a mother and one to three children: one address, numbers in a row, one mailbox."""
    father = _single(pick, next(phones), emails)
    address, number = _address(pick), int(father.phone[-8:])
    father = replace(father, is_man=True, given=_draw(pick, MEN), address=address)
    yield father
    born = _birthday(pick, after=father.born + timedelta(days=20 * 365))
    for place in range(pick.randint(1, 3)):
        is_man = pick.random() < 0.5
        twin = place > 0 and pick.random() < 0.1
        born = born if twin else _birthday(pick, after=father.born + timedelta(days=20 * 365))
        # Sons that are named as their fathers are; elsewhere they would be "junior".
        given = father.given if is_man and pick.random() < 0.02 else None
        child = Person(
            given or _draw(pick, MEN if is_man else WOMEN),
            father.given, father.father, father.family, is_man, born,
            # Numbers bought together: the next one.
            _free(phones, f"+968{number + place + 1:08d}") if pick.random() < 0.5 else next(phones),
            "", address, None,
        )  # fmt: skip
        if pick.random() < 0.2:
            email = father.email.replace("@", f"+{child.given[0].lower()}{place}@")
        else:
            email = _email(pick, child.given, child.family, born, emails)
        yield replace(child, email=email)


_TAKEN: set[str] = set()


def _phones(pick: Random) -> Iterator[str]:
    """Omani mobiles: 9… and 7…, denser in some blocks than in others."""
    _TAKEN.clear()
    while True:
        block = pick.choice(
            ("91", "92", "93", "94", "95", "96", "97", "98", "99", "71", "72", "77")
        )
        phone = f"+968{block}{pick.randrange(1_000_000):06d}"
        if phone not in _TAKEN:
            _TAKEN.add(phone)
            yield phone


def _free(phones: Iterator[str], wanted: str) -> str:
    if wanted in _TAKEN:
        return next(phones)
    _TAKEN.add(wanted)
    return wanted


def _draw(pick: Random, names: Names) -> Name:
    return pick.choices(names, cum_weights=_WEIGHTS[id(names)])[0]


def _rare_family(pick: Random) -> Name:
    parts = [pick.choice(SYLLABLES) for _ in range(pick.randint(2, 3))]
    latin = "".join(part[0] for part in parts).capitalize()
    return (f"Al {latin}", "ال" + "".join(part[1] for part in parts))


def _birthday(pick: Random, after: date = _BEGINNING) -> date:
    """One in twenty of those whose papers gave a year alone has the first of January."""
    days = max(365, (_BEGINNING - after).days + _ADULT_DAYS)
    day = after + timedelta(days=pick.randrange(days))
    return day.replace(month=1, day=1) if pick.random() < 0.05 else day


def _email(pick: Random, given: Name, family: Name, born: date, emails: set[str]) -> str:
    first = given[0].lower().replace(" ", "")
    last = family[0].lower().replace("al ", "").replace(" ", "")
    while True:
        local = pick.choice((
            f"{first}.{last}", f"{first}{born.year % 100:02d}", f"{first[0]}{last}{born.year}",
            f"{last}.{first}{pick.randrange(1000)}", f"{first}_{last}{pick.randrange(100)}",
            f"{first}{pick.randrange(100_000)}",
        ))  # fmt: skip
        email = f"{local}@{pick.choice(MAILBOXES)}"
        if email not in emails:
            emails.add(email)
            return email


def _address(pick: Random) -> tuple[str, str, str, str]:
    return (
        str(pick.randrange(1, 2500)),
        f"Way {pick.randrange(100, 9999)}",
        pick.choice(AREAS),
        "Muscat",
    )


def _company(pick: Random) -> str:
    return f"{_rare_family(pick)[0]} {pick.choice(COMPANIES)} LLC"
