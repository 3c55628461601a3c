"""A made tenant: customers, some of them twice, and which ones those are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from random import Random
from typing import NamedTuple

from benchmarks.duplicates.errors import (
    mistype_date,
    mistype_digits,
    mistype_name,
    mistype_word,
)
from benchmarks.duplicates.names import MAILBOXES
from benchmarks.duplicates.people import Person, people

SEED = 20_261_128
DUPLICATES_SHARE = 0.05
FORMS = {"gn": 55, "gfn": 25, "gFn": 12, "gFGn": 3, "g": 5}


@dataclass(frozen=True)
class Record:
    """A customer as it was typed in; the phone is E.164."""

    name: str | None
    name2: str | None
    phone: str | None
    email: str | None
    born: date | None
    company: str | None
    address: tuple[str, str, str, str] | None


class Entry(NamedTuple):
    """`of` is the place of the record that this one repeats."""

    record: Record
    of: int | None
    kind: str


def make_tenant(count: int, seed: int = SEED) -> Iterator[Entry]:
    """`count` customers; the places of the list are their numbers."""
    made = Maker(Random(seed))
    for place in range(count):
        yield made.entry(place)


class Maker:
    def __init__(self, pick: Random) -> None:
        self.pick = pick
        self.people = people(pick)
        self.repeatable: list[tuple[int, Person, Record, str, int]] = []
        self.taken: set[str] = set()

    def entry(self, place: int) -> Entry:
        pick = self.pick
        if self.repeatable and pick.random() < DUPLICATES_SHARE:
            # Once each, mostly: a third record repeats the first one too.
            at = pick.randrange(len(self.repeatable))
            of, person, first, form, script = self.repeatable[at]
            if pick.random() < 0.95:
                self.repeatable[at] = self.repeatable[-1]
                self.repeatable.pop()
            kind = pick.choices(list(KINDS), weights=[share for share, _ in KINDS.values()])[0]
            again = KINDS[kind][1](pick, person, first, form, script)
            if again is not None and self._is_free(again):
                return Entry(again, of, kind)
        person = next(self.people)
        form = pick.choices(list(FORMS), weights=list(FORMS.values()))[0]
        script = int(pick.random() < 0.3)
        record = self._unique(_record(pick, person, form, script))
        if record.name and form != "g" and (record.phone or record.born or record.email):
            self.repeatable.append((place, person, record, form, script))
        return Entry(record, None, "")

    def _is_free(self, record: Record) -> bool:
        """A tenant has no phone and no e-mail twice."""
        own = {record.phone, record.email} - {None}
        if own & self.taken:
            return False
        self.taken |= own  # type: ignore[arg-type]
        return True

    def _unique(self, record: Record) -> Record:
        return record if self._is_free(record) else replace(record, phone=None, email=None)


def _record(pick: Random, person: Person, form: str, script: int) -> Record:
    return Record(
        name=person.full_name(script, form),
        name2=person.full_name(1 - script, form) if pick.random() < 0.15 else None,
        phone=person.phone if pick.random() < 0.85 else None,
        email=person.email if pick.random() < 0.45 else None,
        born=person.born if pick.random() < 0.5 else None,
        company=person.company,
        address=person.address if pick.random() < 0.6 else None,
    )


Again = Callable[[Random, Person, Record, str, int], Record | None]


def _bare(pick: Random, person: Person, first: Record, form: str, script: int) -> Record:
    """The same person with nothing but the name, and what a second desk asks for too."""
    return Record(
        name=person.full_name(script, form),
        name2=None,
        phone=None,
        email=None,
        born=first.born if pick.random() < 0.7 else None,
        company=first.company,
        address=first.address if pick.random() < 0.5 else None,
    )


def _phone_digit(
    pick: Random, person: Person, first: Record, form: str, script: int
) -> Record | None:
    if first.phone is None:
        return None
    bare = _bare(pick, person, first, form, script)
    return replace(bare, phone=mistype_digits(pick, first.phone, 5))


def _name_letter(
    pick: Random, person: Person, first: Record, form: str, script: int
) -> Record | None:
    """And another phone, unless it is mistyped: without either nobody could know."""
    known = _hinted(pick, person, first, form, script)
    return known and replace(known, name=mistype_name(pick, known.name or ""))


def _two_errors(
    pick: Random, person: Person, first: Record, form: str, script: int
) -> Record | None:
    known = _hinted(pick, person, first, form, script)
    return known and replace(known, name=mistype_name(pick, known.name or "", errors=2))


def _email_letter(
    pick: Random, person: Person, first: Record, form: str, script: int
) -> Record | None:
    if first.email is None:
        return None
    local, _, domain = first.email.partition("@")
    if pick.random() < 0.5:
        email = f"{local}@{pick.choice(MAILBOXES)}"
    else:
        email = f"{mistype_word(pick, local)}@{domain}"
    return replace(_bare(pick, person, first, form, script), email=email)


def _birth_date_digit(
    pick: Random, person: Person, first: Record, form: str, script: int
) -> Record | None:
    if first.born is None or first.phone is None:
        return None
    return replace(
        _bare(pick, person, first, form, script),
        born=mistype_date(pick, first.born),
        phone=mistype_digits(pick, first.phone, 5),
    )


def _swapped(pick: Random, person: Person, first: Record, form: str, script: int) -> Record | None:
    known = _hinted(pick, person, first, form, script)
    return known and replace(known, name=person.full_name(script, form[-1] + form[:-1]))


def _other_script(
    pick: Random, person: Person, first: Record, form: str, script: int
) -> Record | None:
    known = _hinted(pick, person, first, form, script)
    return known and replace(known, name=person.full_name(1 - script, form))


def _old_phone(
    pick: Random, person: Person, first: Record, form: str, script: int
) -> Record | None:
    """A new number, and the name in another form: nothing but birth date and address help."""
    form = pick.choice((form, "gn", "gfn"))
    number = f"+9689{pick.randrange(1_000_000, 9_999_999)}"
    return replace(_bare(pick, person, first, form, script), phone=number)


def _hinted(pick: Random, person: Person, first: Record, form: str, script: int) -> Record | None:
    """With the phone mistyped, or without one and with the birth date."""
    bare = _bare(pick, person, first, form, script)
    if first.phone is not None and pick.random() < 0.65:
        return replace(bare, phone=mistype_digits(pick, first.phone, 5))
    if first.born is not None:
        return replace(bare, born=first.born)
    return None


# Kind of duplicate → its share, and how the second record comes about.
KINDS: dict[str, tuple[int, Again]] = {
    "typing: a digit of the phone": (12, _phone_digit),
    "typing: a letter of the name": (12, _name_letter),
    "typing: a letter of the e-mail": (6, _email_letter),
    "typing: a digit of the birth date": (6, _birth_date_digit),
    "typing: two words of the name": (8, _two_errors),
    "swapped names": (16, _swapped),
    "other script": (16, _other_script),
    "old phone": (24, _old_phone),
}
