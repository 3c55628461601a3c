"""Secrets at rest: AES-256-GCM under keys that rotate (DESIGN 2.7), and keyed hashes to find by."""

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crm_saas.kit.settings import Settings

_VERSION_BYTES = 4
_NONCE_BYTES = 12
_TAG_BYTES = 16
SUBKEYS_MAX = 256


class CannotDecrypt(ValueError):
    """Altered, moved to another place, or made with a key that the ring no longer has."""


class KeyMissing(CannotDecrypt):
    """The ring does not have the key: not any more, or in this process not yet."""


@dataclass(frozen=True)
class KeyRing:
    """Master keys by version: the newest encrypts, all of them decrypt.

    `encrypting` holds a new key back until every process can read what is made with it.
    """

    masters: Mapping[int, bytes] = field(repr=False)
    encrypting: int | None = None

    def __post_init__(self) -> None:
        if not self.masters or any(len(key) != 32 for key in self.masters.values()):
            raise ValueError("A key ring needs at least one key, each of 32 bytes.")
        if not all(0 < version < 2 ** (8 * _VERSION_BYTES) for version in self.masters):
            raise ValueError("Key versions count from 1.")
        if self.encrypting is not None and self.encrypting not in self.masters:
            raise ValueError("The key that encrypts must be one of the ring.")

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings.master_keys, settings.master_key_current)

    @property
    def current(self) -> int:
        return max(self.masters) if self.encrypting is None else self.encrypting

    def subkey(self, purpose: str, version: int | None = None) -> bytes:
        """32 bytes for one purpose (HKDF, RFC 5869), of the key that encrypts if none is named."""
        master = self.masters[self.current if version is None else version]
        return _derived(master, purpose)

    def subkeys(self, purpose: str) -> dict[int, bytes]:
        return {version: self.subkey(purpose, version) for version in self.masters}

    def lookup_key(self, purpose: str) -> bytes:
        """For hashes that rows are found by: from the oldest key, so that rotation keeps them.

        Dropping the oldest key therefore means to hash anew what must still be found.
        """
        return self.subkey(purpose, min(self.masters))


@lru_cache(maxsize=SUBKEYS_MAX)
def _derived(master: bytes, purpose: str) -> bytes:
    """Kept: a request needs several, and each takes longer to derive than to use."""
    return HKDF(SHA256(), 32, None, purpose.encode()).derive(master)


def encrypt(ring: KeyRing, plaintext: bytes, aad: bytes) -> bytes:
    """Key version, nonce and ciphertext. `aad` names the place (table, column, row id):
    a value that is copied to another place does not decrypt there."""
    version = ring.current.to_bytes(_VERSION_BYTES, "big")
    nonce = os.urandom(_NONCE_BYTES)
    cipher = AESGCM(ring.subkey("encryption"))
    return version + nonce + cipher.encrypt(nonce, plaintext, version + aad)


def decrypt(ring: KeyRing, sealed: bytes, aad: bytes) -> bytes:
    """Raises CannotDecrypt."""
    if len(sealed) < _VERSION_BYTES + _NONCE_BYTES + _TAG_BYTES:
        raise CannotDecrypt("too short to be a sealed value")
    version, rest = sealed[:_VERSION_BYTES], sealed[_VERSION_BYTES:]
    number = int.from_bytes(version, "big")
    if number not in ring.masters:
        raise KeyMissing(f"sealed with key {number}, which CRM_MASTER_KEYS does not have")
    cipher = AESGCM(ring.subkey("encryption", number))
    try:
        return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], version + aad)
    except InvalidTag as error:
        raise CannotDecrypt("altered, or read from another place than it was written to") from error


def keyed_hash(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA256 over the parts, each with its length, so that no two lists collide."""
    told = b"".join([len(part).to_bytes(4, "big") + part for part in parts])
    return hmac.digest(key, told, "sha256")
