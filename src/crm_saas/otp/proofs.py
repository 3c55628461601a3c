"""The proof that a verified challenge yields (SPEC 3.3): a signed token, good for ten minutes.

That it is good only once is the challenge row's business (`consumed_at`), not the token's.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from crm_saas.otp.purposes import PROOF_LIFETIME, Purpose

_ALGORITHMS = ["HS256"]
_TYPE = "otp-proof+jwt"
TOKEN_LENGTH_MAX = 1000


class InvalidProof(ValueError):
    """Forged, altered or expired: one error, so that it teaches nothing."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    challenge_id: UUID
    tenant_id: UUID
    phone_hash: bytes
    purpose: Purpose


def issue_proof(keys: Mapping[int, bytes], proof: Proof, *, now: datetime | None = None) -> str:
    """Signed with the newest of `keys` (at least 32 bytes each)."""
    moment = now or datetime.now(UTC)
    claims: dict[str, Any] = {
        "jti": str(proof.challenge_id),
        "tenant": str(proof.tenant_id),
        "phone": urlsafe_b64encode(proof.phone_hash).decode(),
        "purpose": proof.purpose,
        "exp": int((moment + PROOF_LIFETIME).timestamp()),
    }
    header = {"alg": "HS256", "typ": _TYPE, "kid": str(max(keys))}
    return jwt.encode(header, claims, _key_set(keys), algorithms=_ALGORITHMS)


def read_proof(keys: Mapping[int, bytes], token: str, *, now: datetime | None = None) -> Proof:
    """Raises InvalidProof."""
    moment = now or datetime.now(UTC)
    if len(token) > TOKEN_LENGTH_MAX or not _is_canonical(token):
        raise InvalidProof
    try:
        read = jwt.decode(token, _key_set(keys), algorithms=_ALGORITHMS)
        if read.header.get("typ") != _TYPE or read.claims["exp"] <= moment.timestamp():
            raise InvalidProof
        purpose: Purpose = read.claims["purpose"]
        if purpose not in get_args(Purpose):
            raise InvalidProof
        return Proof(
            challenge_id=UUID(read.claims["jti"]),
            tenant_id=UUID(read.claims["tenant"]),
            phone_hash=urlsafe_b64decode(read.claims["phone"]),
            purpose=purpose,
        )
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidProof from error


def _key_set(keys: Mapping[int, bytes]) -> KeySet:
    return KeySet([OctKey.import_key(key, {"kid": str(kid)}) for kid, key in keys.items()])


def _is_canonical(token: str) -> bool:
    """Base64 leaves bits of the last letter unused; a token with one of them set is not ours."""
    signature = token.rpartition(".")[2]
    try:
        decoded = urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except ValueError:
        return False
    return urlsafe_b64encode(decoded).rstrip(b"=").decode() == signature
