"""E-mail addresses: what is kept, what makes two of them equal, what may be shown (SPEC 2.6)."""

import re
import unicodedata

LENGTH_MAX = 254  # RFC 5321 4.5.3.1.3, without the angle brackets
LOCAL_LENGTH_MAX = 64
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\]\\\x00-\x1f\x7f-\x9f]+")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class InvalidEmail(ValueError):
    """`reason` completes "The e-mail address …" and is fit to be shown."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_email(text: str) -> str:
    """The address with its local part as typed and its domain in lower-case ASCII (IDNA).

    Checks what a typing error breaks, not all of RFC 5322: quoted local parts, comments and
    address literals are refused, and only a message that arrives proves an address.
    """
    address = _INVISIBLE.sub("", text).strip()
    if not address:
        raise InvalidEmail("is empty.")
    if len(address) > LENGTH_MAX:
        raise InvalidEmail(f"is longer than {LENGTH_MAX} characters.")
    local, at, domain = unicodedata.normalize("NFC", address).rpartition("@")
    if not at or "@" in local:
        raise InvalidEmail("needs exactly one @, as in name@example.com.")
    if not _LOCAL.fullmatch(local) or len(local.encode()) > LOCAL_LENGTH_MAX:
        raise InvalidEmail(
            f"needs 1 to {LOCAL_LENGTH_MAX} characters before the @, without spaces or quotes."
        )
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise InvalidEmail("has a dot at the wrong place before the @.")
    parsed = f"{local}@{_ascii_domain(domain)}"
    if len(parsed) > LENGTH_MAX:
        raise InvalidEmail(f"is longer than {LENGTH_MAX} characters.")
    return parsed


def email_key(email: str) -> str:
    """What must be unique within a tenant. The case of the local part is kept but never counts."""
    return unicodedata.normalize("NFC", email.casefold())


def mask_email(email: str) -> str:
    """`salim@example.com` → `s****@example.com`; always four stars, so the length stays hidden."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}****@{domain}"


def _ascii_domain(domain: str) -> str:
    try:
        ascii_domain = domain.rstrip(".").lower().encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise InvalidEmail("has a domain after the @ that cannot exist.") from error
    labels = ascii_domain.split(".")
    if len(labels) < 2 or labels[-1].isdigit():
        raise InvalidEmail("needs a whole domain after the @, as in name@example.com.")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidEmail("has a domain after the @ that cannot exist.")
    return ascii_domain
