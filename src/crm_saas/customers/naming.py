"""Names that may be one person's: spelled otherwise, mistyped, turned round, in another script."""

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from rapidfuzz.distance import OSA

from crm_saas.customers.folding import fold_text
from crm_saas.customers.likelihood import Ground
from crm_saas.customers.skeletons import NAME_LENGTH_MAX, consonants, name_words, vowels_agree

WORDS_MAX = 12
_ARABIC = re.compile("[\u0621-\u064a]")
_DIPHTHONGS = re.compile("[aeiouwy]+")
_LETTERS_MIN = 4

# How often one person's word comes in these two forms, by what tells the forms apart.
_SAME, _HEARD, _SPELLED, _MISTYPED, _GARBLED = 0.85, 0.4, 0.15, 0.1, 0.03
_SLIPPED, _DOUBTFUL = 0.02, 0.002
_LIKENESS = {
    _SAME: 1.0, _HEARD: 0.95, _SPELLED: 0.9, _MISTYPED: 0.85, _SLIPPED: 0.85, _GARBLED: 0.8,
    _DOUBTFUL: 0.75,
}  # fmt: skip
# In how many ways a word is mistyped, by one error and by two. One of the two words is then rare,
# and it is that one which would have to come about by chance.
_WAYS = {_MISTYPED: 60, _GARBLED: 1000}
# Against: that one person has names of which none is the other's, or one word is.
_OTHER_NAME, _OTHER_ACROSS, _OTHER_WORD = 0.0001, 0.001, 0.02
_TURNED_ROUND = 0.3
_RUN_TOGETHER_MIN = 8

Share = Callable[[str], float]


class Word(NamedTuple):
    text: str
    sound: str


class ComparedName(NamedTuple):
    words: list[Word]
    is_arabic: bool
    whole: str


def read_names(*names: str | None) -> list[ComparedName]:
    return [_read_name(name[:NAME_LENGTH_MAX]) for name in names if name]


@lru_cache(maxsize=50_000)
def _read_word(text: str) -> Word:
    return Word(text, consonants(text))


def _read_name(name: str) -> ComparedName:
    folded = fold_text(name)
    words = [_read_word(word) for word in name_words(folded)[:WORDS_MAX]]
    return ComparedName(words, bool(_ARABIC.search(folded)), folded.replace(" ", ""))


def compare_names(
    a: Sequence[ComparedName], b: Sequence[ComparedName], share: Share
) -> Ground | None:
    """The best of all pairs of names. `share` is how large a part of the tenant bears a word."""
    best: Ground | None = None
    for one in a:
        for other in b:
            ground = _compare(one, other, share)
            if ground is not None and (best is None or ground.times > best.times):
                best = ground
    return best


def _compare(a: ComparedName, b: ComparedName, share: Share) -> Ground | None:
    shorter, longer = sorted((a, b), key=lambda name: (len(name.words), name.words))
    across = a.is_arabic != b.is_arabic
    places, grades = _match(shorter.words, longer.words, across)
    if not grades:
        return None
    missed = grades.count(0)
    # The first word is the person's own: Salma bint Khalid is not Khalid, but his daughter.
    if missed > (len(grades) > 2) or grades[0] == 0 or 0 not in places:
        return _compare_whole(a, b, across, share) if len(grades) > 1 else None
    times, likeness = 1.0, 0.0
    for word, place, grade in zip(shorter.words, places, grades, strict=True):
        if place is None:
            times *= _OTHER_WORD
        else:
            times *= _times(grade, share(word.sound), share(longer.words[place].sound))
            likeness += _LIKENESS[grade] / len(grades)
    found = [place for place in places if place is not None]
    if found != sorted(found):
        times *= _TURNED_ROUND
    return _ground(times, likeness, across, len(shorter.words) == len(longer.words))


def _compare_whole(a: ComparedName, b: ComparedName, across: bool, share: Share) -> Ground:
    """What is no word of the other's may be a space that went astray."""
    if across:
        return Ground("name", "different names", _OTHER_ACROSS)
    length = min(len(a.whole), len(b.whole))
    if length < _RUN_TOGETHER_MIN or OSA.distance(a.whole, b.whole, score_cutoff=2) > 2:
        return Ground("name", "different names", _OTHER_NAME)
    rarer = min(math.prod(share(word.sound) for word in name.words) for name in (a, b))
    return _ground(_GARBLED / _WAYS[_GARBLED] / rarer, _LIKENESS[_GARBLED], across, whole=False)


def _times(grade: float, share: float, other_share: float) -> float:
    if grade in _WAYS:
        return grade / _WAYS[grade] / min(share, other_share)
    return grade / max(share, other_share)


def _ground(times: float, likeness: float, across: bool, whole: bool) -> Ground:
    if across:
        return Ground("transliteration", "names sound alike in both scripts", times)
    same = likeness > 0.999 and whole
    return Ground("name", "same name" if same else f"names {likeness:.0%} alike", times)


def _match(
    shorter: Sequence[Word], longer: Sequence[Word], across: bool
) -> tuple[list[int | None], list[float]]:
    """For each word of the shorter name the place of its best partner, and how they agree.

    Whole-string measures fail here: a shared family name makes brothers 87 % alike.
    """
    left = list(range(len(longer)))
    places: list[int | None] = []
    grades: list[float] = []
    for word in shorter:
        grade, place = 0.0, None
        for candidate in left:
            found = _grade(word, longer[candidate], across)
            if found > grade:
                grade, place = found, candidate
        if place is not None:
            left.remove(place)
        places.append(place)
        grades.append(grade)
    return places, grades


@lru_cache(maxsize=100_000)
def _grade(one: Word, other: Word, across: bool) -> float:
    """How often two such words are one person's; 0 where they are two words."""
    if one.text == other.text:
        return _SAME
    sounds_alike = one.sound == other.sound and len(one.sound) > 1
    if across:
        if sounds_alike:
            return _grade_across(one.text, other.text)
        return _GARBLED if _is_mistyped(one.sound, other.sound) else 0
    if sounds_alike and not one.text.isascii():
        return _grade_arabic(one.text, other.text)
    if sounds_alike:
        return _grade_vowels(one.text, other.text)
    if _is_mistyped(one.text, other.text):
        return _MISTYPED
    near = min(len(one.text), len(other.text)) > 6
    return _GARBLED if near and OSA.distance(one.text, other.text, score_cutoff=2) <= 2 else 0


def _grade_across(one: str, other: str) -> float:
    arabic, latin = (one, other) if _ARABIC.search(one) else (other, one)
    return _HEARD if vowels_agree(latin, arabic) else _DOUBTFUL


def _grade_arabic(one: str, other: str) -> float:
    """Arabic writes vowels that matter: Hassan is no Hussain, but may be a slip for it."""
    if _once(one) == _once(other) or sorted(one) == sorted(other):
        return _SPELLED
    return _SLIPPED if _is_mistyped(one, other) else _DOUBTFUL


def _grade_vowels(one: str, other: str) -> float:
    """Of two Latin words with the same consonants: Saleem is Salim, and Salma is not."""
    heard, others = _heard(one), _heard(other)
    if heard == others:
        return _HEARD
    if heard.endswith("a") != others.endswith("a"):
        return _SLIPPED if _is_mistyped(one, other) else _DOUBTFUL
    return _SPELLED if OSA.distance(heard, others, score_cutoff=1) <= 1 else _DOUBTFUL


def _heard(word: str) -> str:
    """With one letter for each vowel that is written in several ways, and none doubled."""
    return _DIPHTHONGS.sub(lambda vowels: _vowel(vowels[0]), _once(word))


def _once(word: str) -> str:
    return "".join(letter for letter, _ in groupby(word))


def _vowel(letters: str) -> str:
    if set(letters) <= {"a"}:
        return "a"
    return "u" if set(letters) & set("ouw") else "i"


def _is_mistyped(one: str, other: str) -> bool:
    shorter = min(len(one), len(other))
    return shorter >= _LETTERS_MIN - 1 and OSA.distance(one, other, score_cutoff=1) <= 1
