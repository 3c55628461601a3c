"""What a name sounds like in either script. `name_skeleton` is the twin of its SQL function."""

import re

NAME_LENGTH_MAX = 200
_ARABIC = "\u0621-\u064a\u067e\u0686\u0698\u06af"
_APOSTROPHES = re.compile("['`\u02be\u02bf]")
_NOT_LETTERS = re.compile(r"[\W_]+")
_NEITHER_SCRIPT = re.compile(f"[^a-z{_ARABIC}]+")
_SERVANT = re.compile(" (abd|عبد) ?(?:[aeu]l|ال) ?")
_PARTICLES = re.compile(" (?:al|el|bin|ben|ibn|bint|بن|ابن|بنت|ال)(?= )")
_ARTICLE = re.compile(" (?:al(?=[bcdfghjklmnpqrstvxz][^ ]{2})|ال(?=[^ ]{3}))")
_LATIN_PAIRS = (
    ("kh", "X"),
    ("gh", "J"),
    ("sh", "C"),
    ("ch", "C"),
    ("th", "t"),
    ("dh", "d"),
    ("ph", "f"),
    ("x", "ks"),
)
# Capitals are sounds of their own; every vowel, semivowel and ayn is an a.
_SOUNDS = str.maketrans(
    "gjqcvpeiouwyبتثجحخدذرزسشصضطظعغفقكلمنهويا\u067e\u0686\u0698\u06af",
    "JJkkfbaaaaaabttJhXddrzsCsdtdaJfkklmnhaaabCJJ",
)

# Letters that Arabic writes for long vowels, and what Latin may write for each.
_LONG_VOWELS = {"ا": frozenset("ae"), "و": frozenset("ouw"), "ي": frozenset("iye")}
_LATIN_VOWELS = "aeiouwy"
_ARABIC_VOWELS = "اويع"


def name_words(folded: str) -> list[str]:
    """The words that tell names apart: without bin, al- and what is no letter or digit."""
    return _bare(folded, _NOT_LETTERS).split()


def consonants(word: str) -> str:
    """`mhmd` for Mohammed and محمد; with a sign for a vowel that comes first."""
    return _sounds(f" {word} ").strip(" ")


def name_skeleton(folded: str) -> str | None:
    """`Xld mmr sd` for Khalid bin Said Al Maamari; None for a name of one word."""
    name = _sounds(_bare(folded[:NAME_LENGTH_MAX], _NEITHER_SCRIPT)).strip(" ")
    first, *middle = name.split(" ")
    return " ".join([first, middle[-1], *middle[:-1]]) if middle else None


def vowels_agree(latin: str, arabic: str) -> bool:
    """Of two words with the same consonants: whether the vowels that Arabic writes fit.

    It writes only the long ones: a Hassan is no حسين, but a Hussain may be a حسن.
    """
    for pair, sound in _LATIN_PAIRS:
        latin = latin.replace(pair, sound)
    heard = re.split(f"[^{_LATIN_VOWELS}]", re.sub(r"(.)\1+", r"\1", latin))
    written = re.split(f"[^{_ARABIC_VOWELS}]", arabic)
    if heard[-1] and not arabic.endswith(("ه", *_ARABIC_VOWELS)):
        return False
    # Any vowel may stand behind a first alef and a last ya.
    return all(
        _LONG_VOWELS[letter] & set(sounds)
        for sounds, letters in list(zip(heard, written, strict=False))[1:-1]
        for letter in letters
        if letter in _LONG_VOWELS
    )


def _bare(folded: str, gaps: re.Pattern[str]) -> str:
    name = f" {gaps.sub(' ', _APOSTROPHES.sub('', folded))} "
    # Abd al-Rahman, Abdul Rahman and Abdulrahman; then bin and al-, apart or grown together.
    name = _SERVANT.sub(r" \1", name)
    return _ARTICLE.sub(" ", _PARTICLES.sub("", name))


def _sounds(name: str) -> str:
    for pair, sound in _LATIN_PAIRS:
        name = name.replace(pair, sound)
    name = re.sub(" [yي]", " Y", name)
    name = re.sub(" [wو]", " W", name)
    name = re.sub("[^A-Za-z ]", "", name.translate(_SOUNDS))
    name = re.sub(r"(.)\1+", r"\1", name)
    name = name.replace(" a", " A").replace("a", "")
    # Ta marbuta and its h: Fatima, Fatimah.
    return re.sub("([^ ]{2})h(?= )", r"\1", name)
