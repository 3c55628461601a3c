"""Names that may be one person's: spelled otherwise, mistyped, turned round, in another script."""

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple, Protocol

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
_SLIPPED, _SHORT, _DOUBTFUL = 0.02, 0.01, 0.002
# In the other script every word of a name is: that is chosen once.
_WRITTEN, _OTHER_SCRIPT = 0.9, 0.4
_LIKENESS = {
    _SAME: 1.0, _HEARD: 0.95, _WRITTEN: 0.95, _SPELLED: 0.9, _MISTYPED: 0.85, _SLIPPED: 0.85,
    _SHORT: 0.85, _GARBLED: 0.8, _DOUBTFUL: 0.75,
}  # fmt: skip
# In how many ways a word is mistyped, by one error and by two. One of the two words is then rare,
# and it is that one which would have to come about by chance.
_WAYS = {_MISTYPED: 60, _SHORT: 60, _GARBLED: 1000}
# Against: that one person has names of which none is the other's, or one word is.
_OTHER_NAME, _OTHER_ACROSS, _OTHER_WORD = 0.0001, 0.001, 0.02
_RUN_TOGETHER_MIN = 8
# How much more often two words of a name come together than apart: families and peoples have their
# own.
_TOGETHER = 2
_NAMESAKES = 1.5


class Counts(Protocol):
    def share(self, word: str) -> float: ...

    def share_spelled(self, word: str) -> float: ...


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
    a: Sequence[ComparedName], b: Sequence[ComparedName], counts: Counts
) -> Ground | None:
    """The best of all pairs of names. `counts` knows how common a word is."""
    best: Ground | None = None
    for one in a:
        for other in b:
            ground = _compare(one, other, counts)
            if ground is not None and (best is None or ground.times > best.times):
                best = ground
    return best


def _compare(a: ComparedName, b: ComparedName, counts: Counts) -> Ground | None:
    shorter, longer = sorted((a, b), key=lambda name: (len(name.words), name.words))
    across = a.is_arabic != b.is_arabic
    places, grades = _match(shorter.words, longer.words, across)
    if not grades:
        return None
    if 0 in grades or not _begin_alike(places, len(longer.words)):
        whole = _compare_whole(a, b, across, counts) if len(grades) > 1 else None
        one_word_apart = len(grades) > 2 and grades.count(0) == 1 and grades[0] > 0
        if whole is None or whole.times > 1 or not one_word_apart or 0 not in places:
            return whole
    times, likeness = _TOGETHER ** (1 - len(grades)), 0.0
    for word, place, grade in zip(shorter.words, places, grades, strict=True):
        if place is None:
            times *= _OTHER_WORD
        else:
            times *= _times(grade, word, longer.words[place], counts)
            likeness += _LIKENESS[grade] / len(grades)
    ground = _ground(times, likeness, across, len(shorter.words) == len(longer.words))
    if _DOUBTFUL in (grades[0], grades[places.index(0)] if 0 in places else 0):
        # Twins are called Hassan and Hussain.
        return ground._replace(times=min(times, _NAMESAKES), is_close=False)
    return ground


def _begin_alike(places: Sequence[int | None], longer: int) -> bool:
    """The first word is the person's own, or the last one where the name is turned round.

    Salma bint Khalid is not Khalid, but his daughter.
    """
    return places[0] in (0, longer - 1) or places[-1] == 0


def _compare_whole(a: ComparedName, b: ComparedName, across: bool, counts: Counts) -> Ground:
    """What is no word of the other's may be a space or an article that went astray."""
    if across:
        return Ground("name", "different names", _OTHER_ACROSS, is_close=False)
    length = min(len(a.whole), len(b.whole))
    errors = OSA.distance(a.whole, b.whole, score_cutoff=2)
    if length < _RUN_TOGETHER_MIN or errors > 2:
        return Ground("name", "different names", _OTHER_NAME, is_close=False)
    grade = _MISTYPED if errors < 2 else _GARBLED
    rarer = min(math.prod(counts.share(word.sound) for word in name.words) for name in (a, b))
    return _ground(grade / _WAYS[grade] / rarer, _LIKENESS[grade], across, whole=False)


def _times(grade: float, one: Word, other: Word, counts: Counts) -> float:
    if grade in _WAYS:
        return _times_mistyped(grade, one, other, counts)
    times = grade / max(counts.share(one.sound), counts.share(other.sound))
    if grade != _SAME and _is_mistyped(one.text, other.text):
        # Spelled otherwise or mistyped, whichever is likelier: Ssalim sounds like Salim.
        return max(times, _times_mistyped(_MISTYPED, one, other, counts))
    return times


def _times_mistyped(grade: float, one: Word, other: Word, counts: Counts) -> float:
    """No more than the word that was meant tells: who mistypes it is one of its bearers."""
    rare, common = sorted(counts.share_spelled(word.text) for word in (one, other))
    return min(grade / _WAYS[grade] / rare, 1 / common)


def _ground(times: float, likeness: float, across: bool, whole: bool) -> Ground:
    if across:
        alike = "names sound alike in both scripts"
        return Ground("transliteration", alike, times * _OTHER_SCRIPT)
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
        return _grade_mistyped(one.text, other.text)
    near = min(len(one.text), len(other.text)) > 6
    return _GARBLED if near and OSA.distance(one.text, other.text, score_cutoff=2) <= 2 else 0


def _grade_mistyped(one: str, other: str) -> float:
    """Said and Saif, Badr and Bakr: of short words, many are one letter apart."""
    is_long = min(len(one), len(other)) > (_LETTERS_MIN if one.isascii() else _LETTERS_MIN - 1)
    return _MISTYPED if is_long or sorted(one) == sorted(other) else _SHORT


def _grade_across(one: str, other: str) -> float:
    arabic, latin = (one, other) if _ARABIC.search(one) else (other, one)
    return _WRITTEN if vowels_agree(latin, arabic) else _DOUBTFUL


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
