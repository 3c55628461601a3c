"""What a customer reads or hears, in English and Arabic; each SMS fits one segment (SPEC 3.5)."""

import unicodedata

from crm_saas.otp.purposes import Locale

# GSM 03.38: one septet each; the extension table costs an escape septet more.
_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENSION = frozenset("\f^{}\\[~]|€")

_SEPTETS_ALONE, _SEPTETS_JOINED = 160, 153
_UCS2_ALONE, _UCS2_JOINED = 70, 67

_SMS: dict[Locale, tuple[str, str]] = {
    "en": (
        "{code} is your code for {business}. Valid for {minutes} minutes.",
        "{code} is your code. Valid for {minutes} minutes.",
    ),
    "ar": (
        "{code} رمزك لدى {business}. صالح {minutes} دقائق.",
        "{code} هو رمز التحقق. صالح {minutes} دقائق.",
    ),
}
_SPOKEN: dict[Locale, tuple[str, str]] = {
    "en": ("Your code for {business} is: {digits}.", "Again: {digits}. Goodbye."),
    "ar": ("رمزك لدى {business} هو: {digits}.", "مرة أخرى: {digits}. مع السلامة."),
}
_SPOKEN_NAME_MAX = 60
_JOINERS = "\u200c\u200d"


def sms_text(locale: Locale, *, code: str, business: str, minutes: int) -> str:
    """One segment, whatever the business is called: its name is cut until the text fits."""
    named, nameless = _SMS[locale]
    name = _printable(business)[:_SEPTETS_ALONE]
    while name:
        text = named.format(code=code, business=name, minutes=minutes)
        if count_segments(text) == 1:
            return text
        name = _without_last_letter(name)
    return nameless.format(code=code, minutes=minutes)


def spoken_text(locale: Locale, *, code: str, business: str) -> list[str]:
    """Sentences for a call, the digits apart so that they are read one by one, and twice."""
    digits = ", ".join(code)
    name = _printable(business)[:_SPOKEN_NAME_MAX]
    return [sentence.format(business=name, digits=digits) for sentence in _SPOKEN[locale]]


def count_segments(text: str) -> int:
    """Segments that a network bills: GSM-7 where every letter is in its tables, else UCS-2."""
    if all(letter in _GSM_BASIC or letter in _GSM_EXTENSION for letter in text):
        sizes = [2 if letter in _GSM_EXTENSION else 1 for letter in text]
        return _pack(sizes, _SEPTETS_ALONE, _SEPTETS_JOINED)
    sizes = [2 if ord(letter) > 0xFFFF else 1 for letter in text]
    return _pack(sizes, _UCS2_ALONE, _UCS2_JOINED)


def _pack(sizes: list[int], alone: int, joined: int) -> int:
    """No letter is split over two segments; each of several loses room to a header."""
    if sum(sizes) <= alone:
        return 1
    segments, used = 1, 0
    for size in sizes:
        if used + size > joined:
            segments, used = segments + 1, 0
        used += size
    return segments


def _printable(name: str) -> str:
    """Without controls and direction overrides, which could dress up the text around them."""
    kept = (
        letter if letter in _JOINERS or unicodedata.category(letter)[0] != "C" else " "
        for letter in name
    )
    return " ".join("".join(kept).split())


def _without_last_letter(name: str) -> str:
    """Cut before a letter, never between it and its marks or joiners."""
    end = len(name) - 1
    while end > 0 and (unicodedata.combining(name[end]) or name[end - 1] in _JOINERS):
        end -= 1
    return name[:end].rstrip(" " + _JOINERS)
