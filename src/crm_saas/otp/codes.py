"""Codes are derived, never stored (SPEC 3.2): HOTP (RFC 4226) over a secret of the challenge."""

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import pyotp

from crm_saas.kit.crypto import keyed_hash
from crm_saas.otp.purposes import CODE_DIGITS, Purpose


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """What a code is bound to. `send_counter` makes each sending a code of its own."""

    id: UUID
    tenant_id: UUID
    phone_hash: bytes
    purpose: Purpose
    key_id: int
    send_counter: int


def derive_code(keys: Mapping[int, bytes], challenge: Challenge) -> str | None:
    """Six digits; None when the key that the challenge was made with is gone from `keys`."""
    key = keys.get(challenge.key_id)
    if key is None:
        return None
    secret = keyed_hash(
        key,
        challenge.id.bytes,
        challenge.tenant_id.bytes,
        challenge.purpose.encode(),
        challenge.phone_hash,
    )
    hotp = pyotp.HOTP(b32encode(secret).decode(), digits=CODE_DIGITS, digest=hashlib.sha256)
    return hotp.at(challenge.send_counter)


_ARABIC_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "0123456789" * 2)


def typed_code(text: str) -> str:
    """A code as people type it: Arabic-Indic digits, spaces and hyphens are fine."""
    return "".join(text.translate(_ARABIC_DIGITS).replace("-", "").split())


def codes_equal(expected: str, given: str) -> bool:
    """In constant time; as bytes, since compare_digest refuses text beyond ASCII."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass"))
