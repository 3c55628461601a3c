"""Opaque tokens: a typed prefix, ≥ 128 random bits, a checksum that refuses typing errors early.

    crm_sk_<tenant>_<secret><checksum>    a secret key of a business or a till
    crm_pk_<tenant>_<secret><checksum>    a publishable key, for customers' own devices
    crm_st_<secret><checksum>             a staff session

The tenant is part of a key, so that it is looked up under that tenant's own policies.
"""

import hashlib
import secrets
import zlib
from typing import Literal
from uuid import UUID

import msgspec

Kind = Literal["sk", "pk", "st"]

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = {character: digit for digit, character in enumerate(_ALPHABET)}
_UUID_LENGTH = 22
_SECRET_LENGTH = 27  # 160 bits
_CHECKSUM_LENGTH = 6
TOKEN_LENGTH_MAX = 80


class Token(msgspec.Struct, frozen=True):
    kind: Kind
    tenant_id: UUID | None
    text: str

    @property
    def hash(self) -> bytes:
        """What is stored. A plain hash will do: the secret is random, so there is no guessing."""
        return hashlib.sha256(self.text.encode()).digest()

    @property
    def hint(self) -> str:
        """What a person may see of it later."""
        return f"{self.text[:7]}…{self.text[-4:]}"


def new_token(kind: Kind, tenant_id: UUID | None = None) -> Token:
    secret = _base62(int.from_bytes(secrets.token_bytes(20), "big"), _SECRET_LENGTH)
    place = f"{_base62(tenant_id.int, _UUID_LENGTH)}_" if tenant_id else ""
    body = f"crm_{kind}_{place}{secret}"
    return Token(kind, tenant_id, body + _checksum(body))


def read_token(text: str) -> Token | None:
    """The token, or None for anything that `new_token` cannot have made."""
    if len(text) > TOKEN_LENGTH_MAX or not text.isascii():
        return None
    # A text of fixed width says one number, and so the numbers can be compared.
    body, checksum = text[:-_CHECKSUM_LENGTH], text[-_CHECKSUM_LENGTH:]
    if _number(checksum) != zlib.crc32(body.encode()):
        return None
    match body.split("_"):
        case ["crm", ("sk" | "pk") as kind, place, secret]:
            number = _number(place) if len(place) == _UUID_LENGTH else None
            if number is None or number >= 1 << 128 or len(secret) != _SECRET_LENGTH:
                return None
            return Token(kind, UUID(int=number), text)
        case ["crm", "st", secret] if len(secret) == _SECRET_LENGTH:
            return Token("st", None, text)
    return None


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _number(text: str) -> int | None:
    number = 0
    try:
        for character in text:
            number = number * 62 + _DIGITS[character]
    except KeyError:
        return None
    return number
