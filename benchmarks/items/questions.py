"""What people type into the search box, by kind."""

import random
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.dataset.names import FAMILIES, GIVEN, GIVEN_ABROAD
from benchmarks.dataset.people import phone_of

TILL_MS_MAX, ANY_MS_MAX, AIM_MS = 10, 50, 20
_ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_SIDES = (0, 1)  # of a name: Latin, Arabic


class Kind(NamedTuple):
    name: str
    at_till: bool
    """Answered in under ten milliseconds; the others may take fifty."""
    type_in: Callable[[random.Random, int], str]
    """Given the number of a customer, with a phone, of the main tenant."""


def _given(chance: random.Random) -> str:
    return chance.choice(GIVEN)[chance.choice(_SIDES)]


def _family(chance: random.Random) -> str:
    return chance.choice(FAMILIES)[chance.choice(_SIDES)].removeprefix("Al ").removeprefix("ال")


def _beginning(length: int) -> Callable[[random.Random, int], str]:
    return lambda chance, _: _given(chance)[:length]


def _fragment(chance: random.Random, _: int) -> str:
    word = chance.choice([_given, _family])(chance)
    word = word if len(word) > 4 else chance.choice(FAMILIES)[0][3:]
    return word[1 : 1 + chance.choice((3, 4))]


def _two_words(chance: random.Random, _: int) -> str:
    side = chance.choice(_SIDES)
    words = [chance.choice(GIVEN)[side], chance.choice(FAMILIES)[side].removeprefix("Al ")]
    chance.shuffle(words)
    return " ".join(words)


def _phone(last: int) -> Callable[[random.Random, int], str]:
    return lambda _, place: phone_of(0, place)[-last:]


def _whole_phone(chance: random.Random, place: int) -> str:
    phone = phone_of(0, place)
    return chance.choice(
        (phone, phone.replace("+", "00"), phone[-8:].translate(_ARABIC_DIGITS), phone[-8:])
    )


def _number(chance: random.Random, place: int) -> str:
    return chance.choice((f"CUST-{place:05d}", f"cust{place:05d}", f"{place:05d}"))


def _email(chance: random.Random, _: int) -> str:
    given = chance.choice((*GIVEN, *GIVEN_ABROAD))[0].replace(" ", "").lower()
    return f"{given}.{chance.choice(FAMILIES)[0].rpartition(' ')[2][:4].lower()}"


def _typing_error(chance: random.Random, _: int) -> str:
    """Two letters swapped, or one wrong, in the longer word."""
    side = chance.choice(_SIDES)
    given = chance.choice(GIVEN)[side]
    family = chance.choice(FAMILIES)[side]
    at = chance.randrange(len(family) // 2, len(family) - 1)
    if chance.random() < 0.5:
        family = family[:at] + family[at + 1] + family[at] + family[at + 2 :]
    else:
        family = family[:at] + chance.choice("zqي") + family[at + 1 :]
    return f"{given} {family}"


def _no_match(chance: random.Random, _: int) -> str:
    return "".join(chance.choices("qxzwvjk", k=7))


KINDS = (
    Kind("one character", True, _beginning(1)),
    Kind("two characters", True, _beginning(2)),
    Kind("prefix", True, _beginning(4)),
    Kind("mid-word fragment", False, _fragment),
    Kind("common name", False, lambda chance, _: chance.choice(GIVEN[:8])[chance.choice(_SIDES)]),
    Kind("two words", False, _two_words),
    Kind("phone, last 4", True, _phone(4)),
    Kind("phone, last 5", True, _phone(5)),
    Kind("phone, last 7", True, _phone(7)),
    Kind("phone, whole", True, _whole_phone),
    Kind("customer number", True, _number),
    Kind("e-mail prefix", True, _email),
    Kind("typing error", False, _typing_error),
    Kind("no match", False, _no_match),
)


def asked(kind: Kind, customers: int, how_many: int, seed: str) -> list[str]:
    chance = random.Random(f"{kind.name} {seed}")
    # Every twentieth but one has a phone (people.phone_of), an Omani one.
    places = (20 * chance.randrange(customers // 20) + 1 for _ in range(how_many))
    return [kind.type_in(chance, place) for place in places]
