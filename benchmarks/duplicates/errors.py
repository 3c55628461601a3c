"""What goes wrong when a person is typed in again."""

from datetime import date
from random import Random

_NEAR = {
    "a": "qsz", "b": "vgn", "c": "xdv", "d": "sfe", "e": "wrd", "f": "dgr", "g": "fht", "h": "gjy",
    "i": "uok", "j": "hku", "k": "jli", "l": "ko", "m": "n", "n": "mb", "o": "ipl", "p": "o",
    "q": "wa", "r": "etf", "s": "adw", "t": "ryg", "u": "yij", "v": "cb", "w": "qes", "x": "zc",
    "y": "tuh", "z": "xs",
    "ا": "لت", "ب": "يل", "ت": "نا", "ح": "خج", "خ": "حه", "د": "ذج", "ر": "زو", "س": "شي",
    "ع": "غه", "ف": "قغ", "ق": "فث", "ك": "مط", "ل": "اب", "م": "نك", "ن": "تم", "ه": "عخ",
    "و": "رى", "ي": "بس",
}  # fmt: skip


def mistype_word(pick: Random, word: str) -> str:
    """One error: a letter left out, doubled, hit beside, or swapped with the next."""
    while True:
        place = pick.randrange(len(word))
        letter, rest = word[place], word[place + 1 :]
        match pick.randrange(4):
            case 0 if len(word) > 3:
                typed = word[:place] + rest
            case 1:
                typed = word[:place] + letter + letter + rest
            case 2 if letter.lower() in _NEAR:
                typed = word[:place] + pick.choice(_NEAR[letter.lower()]) + rest
            case 3 if rest:
                typed = word[:place] + rest[0] + letter + rest[1:]
            case _:
                continue
        if typed != word:
            return typed


def mistype_name(pick: Random, name: str, errors: int = 1) -> str:
    """Errors in as many different words, the longer ones among them."""
    words = name.split(" ")
    long = [place for place, word in enumerate(words) if len(word) > 2]
    for place in pick.sample(long, min(errors, len(long))):
        words[place] = mistype_word(pick, words[place])
    return " ".join(words)


def mistype_digits(pick: Random, digits: str, first: int) -> str:
    """One digit wrong, or two neighbours swapped, from the place `first` on."""
    while True:
        place = pick.randrange(first, len(digits))
        if pick.random() < 0.6:
            typed = digits[:place] + str(pick.randrange(10)) + digits[place + 1 :]
        else:
            other = digits[place + 1 : place + 2]
            typed = digits[:place] + other + digits[place] + digits[place + 2 :]
        if typed != digits and len(typed) == len(digits):
            return typed


def mistype_date(pick: Random, day: date) -> date:
    """One digit wrong, or day and month the other way round."""
    while True:
        try:
            if pick.random() < 0.4:
                typed = day.replace(month=day.day, day=day.month)
            else:
                parts = day.isoformat().split("-")
                place = pick.randrange(3)
                parts[place] = mistype_digits(pick, parts[place], 0 if place else 2)
                typed = date.fromisoformat("-".join(parts))
        except ValueError:
            continue
        if typed != day and date(1930, 1, 1) < typed < date(2020, 1, 1):
            return typed
