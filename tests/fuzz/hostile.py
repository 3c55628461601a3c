"""Text that wants to break something: from nothing, and from something valid."""

from collections.abc import Sequence

from hypothesis import strategies as st

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
UNSEEN = "\u00ad\u034f\u180e\u200b\u200c\u200d\u2060\u2800\u3164\ufeff\U000e0041\U000e007f"
MARKS = "\u0300\u0301\u0489\u064b\u0651\u0670\u20dd\u3099"
ALIKE = "aаɑαｅеoоοⅼ1lIӏΙ𝐚𝓪"
DIGITS = "0123456789٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१０９²①𝟘"
SIGNS = " \t\r\n\v\f\x00\x1b\x7f\x85\xa0\u2028\u2029+-=@.,:;/\\%&?#'\"`<>()[]{}|~^$*_!"
LONG = 3_000

_LETTERS = BIDI + UNSEEN + MARKS + ALIKE + DIGITS + SIGNS + "ßİıŉﬁǅﷺ𐀀😀"


def hostile_text() -> st.SearchStrategy[str]:
    """As HTTP can carry it: without halves of surrogate pairs, which bodies refuse before."""
    return st.one_of(
        st.text(),
        st.text(st.sampled_from(_LETTERS), max_size=60),
        st.builds(str.__mul__, st.text(st.sampled_from(_LETTERS), max_size=3), st.just(LONG)),
    )


def altered(valid: Sequence[str]) -> st.SearchStrategy[str]:
    """A valid one with a few things done to it, or something else altogether."""
    return st.one_of(
        st.builds(_apply, st.sampled_from(valid), st.lists(_EDITS, max_size=4)), hostile_text()
    )


_EDITS = st.tuples(
    st.sampled_from(["insert", "replace", "cut", "truncate", "repeat", "swap case", "flip bit"]),
    st.integers(0, 10_000),
    st.text(st.sampled_from(_LETTERS), min_size=1, max_size=3),
)


def _apply(text: str, edits: list[tuple[str, int, str]]) -> str:
    for kind, place, piece in edits:
        at = place % (len(text) + 1)
        match kind:
            case "insert":
                text = text[:at] + piece + text[at:]
            case "replace":
                text = text[:at] + piece + text[at + len(piece) :]
            case "cut":
                text = text[:at] + text[at + 1 :]
            case "truncate":
                text = text[:at]
            case "repeat":
                text = text[:at] + text[at : at + 8] * 3 + text[at:]
            case "swap case":
                text = text[:at] + text[at:].swapcase()
            case "flip bit" if at < len(text):
                flipped = chr(ord(text[at]) ^ 1 << place % 7)
                text = text[:at] + flipped + text[at + 1 :]
    return text
