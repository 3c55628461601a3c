"""Text that people read: what deceives the eye is refused, what came along unseen is dropped.

A right-to-left override in a name turns around whatever stands beside it, in lists, exports and
messages. The marks that phones and office programs put into copied text are harmless and nobody
knows that they are there. What belongs to a script stays: the joiners of Persian and of emoji, the
tatweel and vowel signs of Arabic, combining accents. Letters that look alike stay too: they are
somebody's letters.
"""

import re
import unicodedata

# Controls, but for those that count as white space. Escaped as every dialect of patterns reads it.
_CONTROLS = r"\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f"
_TURNING = r"\u202a-\u202e\u2066-\u206f"  # embeddings, overrides, isolates, formats given up
_HIDING = (
    r"\ufff9-\ufffb"  # annotations, of which some programs show one half
    "\U0001bca0-\U0001bca3"  # formats of shorthand
    "\U0001d173-\U0001d17a"  # formats of music
    "\U000e0000-\U000e007f"  # tags: ASCII that no screen shows and every program reads
)
_REFUSED = _CONTROLS + _TURNING + _HIDING
# For the schemas (kit/schemas.py), so that it holds for every field and is in the document.
READABLE = f"^[^{_REFUSED}]*$"
UNREADABLE = "must not contain control characters, or ones that turn text around or hide it"

_DROPPED = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u2060-\u2064\ufeff"  # marks, spaces without width
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]"  # letters that show nothing
)
_JOINERS = "\u200c\u200d"
# Between letters, marks or emoji they shape what is beside them; elsewhere they only hide.
_LOOSE_JOINERS = re.compile(
    f"(?<![^\\s{_JOINERS}])[{_JOINERS}]+|[{_JOINERS}]+(?=[\\s{_JOINERS}]|$)"
)
_UNREADABLE = re.compile(f"[{_REFUSED}]")
# Vietnamese, Hebrew and Arabic have up to four; more climb over the lines around them.
MARKS_MAX = 6


def tidy_line(text: str) -> str:
    """One line, as it is kept: NFC, single spaces. Raises ValueError."""
    line = unicodedata.normalize("NFC", " ".join(_DROPPED.sub("", text).split()))
    line = " ".join(_LOOSE_JOINERS.sub("", line).split())
    if _UNREADABLE.search(line):
        raise ValueError(UNREADABLE)
    if _marks_in_a_row(line) > MARKS_MAX:
        raise ValueError(f"must not have more than {MARKS_MAX} marks on one letter")
    return line


def _marks_in_a_row(line: str) -> int:
    if line.isascii():
        return 0
    most = count = 0
    for character in line:
        count = count + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        most = max(most, count)
    return most
