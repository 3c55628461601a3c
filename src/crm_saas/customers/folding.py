"""The twin of sql/functions/fold_text.sql, for comparing names outside the database."""

import re
import unicodedata

_REMOVED = re.compile(
    "["
    "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    "\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08d3-\u08ff"
    "\u0621\u0640\u0674"
    "]+"
)
_UNIFIED = str.maketrans(
    "\u0671\u0672\u0673\u0649\u06cc\u06d2\u0629\u06c1\u06be\u06d5\u06a9"
    "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹"
    "øłđħıðς\u2018\u2019\u02bc\u2010\u2012\u2013\u2014",
    "\u0627\u0627\u0627\u064a\u064a\u064a\u0647\u0647\u0647\u0647\u0643"
    "01234567890123456789"
    "oldhidσ'''----",
    "",
)
_SPELLED_OUT = {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}
_SPACES = re.compile("[\x01-\x20\x7f-\x9f\u1680\u2028\u2029]+")


def fold_text(value: str) -> str:
    folded = _REMOVED.sub("", unicodedata.normalize("NFKD", value).lower())
    folded = folded.translate(_UNIFIED)
    for letter, spelling in _SPELLED_OUT.items():
        folded = folded.replace(letter, spelling)
    return _SPACES.sub(" ", folded).strip(" ")
