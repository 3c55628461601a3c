"""The keys of this slice, each derived for one use from the master keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from crm_saas.kit.crypto import KeyRing, keyed_hash
from crm_saas.kit.sealed import SealedColumn
from crm_saas.kit.settings import Settings


@dataclass(frozen=True)
class OtpKeys:
    ring: KeyRing
    codes: Mapping[int, bytes] = field(repr=False)
    proofs: Mapping[int, bytes] = field(repr=False)
    budgets: bytes = field(repr=False)
    _phones: bytes = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "OtpKeys":
        ring = KeyRing.from_settings(settings)
        return cls(
            ring,
            codes=ring.subkeys("otp codes"),
            proofs=ring.subkeys("otp proofs"),
            budgets=ring.lookup_key("otp budgets"),
            _phones=ring.lookup_key("otp phones"),
        )

    def phone_hash(self, e164: str) -> bytes:
        return keyed_hash(self._phones, e164.encode())


def phone_aad(tenant_id: UUID, phone_hash: bytes) -> bytes:
    """Where a sealed phone belongs: copied to another tenant's row it does not open."""
    return b"sys_otp_codes.phone_sealed" + tenant_id.bytes + phone_hash


SEALED = SealedColumn(
    table="sys_otp_codes",
    column="phone_sealed",
    key=("phone_hash", "id"),
    also=("tenant_org_id",),
    place=lambda row: phone_aad(row["tenant_org_id"], row["phone_hash"]),
)
