import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from crm_saas.otp.proofs import InvalidProof, Proof, issue_proof, read_proof

KEYS = {1: b"\x01" * 32, 2: b"\x02" * 32}
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PROOF = Proof(
    challenge_id=UUID(int=7),
    tenant_id=UUID(int=8),
    phone_hash=b"\x09" * 32,
    purpose="registration",
)


def refused(token: str, *, keys: dict[int, bytes] = KEYS, now: datetime = NOW) -> bool:
    try:
        read_proof(keys, token, now=now)
    except InvalidProof:
        return True
    return False


def claims_of(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    claims: dict[str, object] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def signed(header: dict[str, str], claims: dict[str, object], key: bytes = KEYS[2]) -> str:
    algorithm = header.get("alg", "HS256")
    return jwt.encode({"alg": algorithm, **header}, claims, OctKey.import_key(key), [algorithm])


def test_a_proof_comes_back() -> None:
    assert read_proof(KEYS, issue_proof(KEYS, PROOF, now=NOW), now=NOW) == PROOF


def test_the_phone_is_not_in_it() -> None:
    assert set(claims_of(issue_proof(KEYS, PROOF))) == {"jti", "tenant", "phone", "purpose", "exp"}
    assert len(issue_proof(KEYS, PROOF)) < 500


def test_it_is_good_for_ten_minutes() -> None:
    token = issue_proof(KEYS, PROOF, now=NOW)
    assert not refused(token, now=NOW + timedelta(minutes=9, seconds=59))
    assert refused(token, now=NOW + timedelta(minutes=10))


def test_rotation_reads_proofs_of_the_old_key_until_it_is_dropped() -> None:
    token = issue_proof({1: KEYS[1]}, PROOF, now=NOW)
    assert not refused(token)
    assert refused(token, keys={2: KEYS[2]})


def test_another_key_of_the_same_number_is_refused() -> None:
    assert refused(issue_proof({2: b"\x03" * 32}, PROOF, now=NOW))


def test_every_altered_bit_is_refused() -> None:
    token = issue_proof(KEYS, PROOF, now=NOW).encode()
    for bit in range(len(token) * 8):
        altered = bytearray(token)
        altered[bit // 8] ^= 1 << bit % 8
        assert refused(altered.decode("latin-1")), bit


def test_every_truncation_and_addition_is_refused() -> None:
    token = issue_proof(KEYS, PROOF, now=NOW)
    assert all(refused(token[:length]) for length in range(len(token)))
    assert all(refused(token + more) for more in ("=", "A", ".", "\n", ".e30"))
    assert refused("x" * 1_000_000)


def test_alg_none_is_refused() -> None:
    header = urlsafe_b64encode(b'{"alg":"none","typ":"otp-proof+jwt","kid":"2"}').rstrip(b"=")
    payload = issue_proof(KEYS, PROOF, now=NOW).split(".")[1]
    assert refused(f"{header.decode()}.{payload}.")
    assert refused(f"{header.decode()}.{payload}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS512", "typ": "otp-proof+jwt", "kid": "2"},
        {"alg": "HS384", "typ": "otp-proof+jwt", "kid": "2"},
        {"typ": "JWT", "kid": "2"},
        {"typ": "otp-proof+jwt", "kid": "1"},
        {"typ": "otp-proof+jwt", "kid": "3"},
    ],
    ids=str,
)
def test_another_header_is_refused_although_well_signed(header: dict[str, str]) -> None:
    claims = claims_of(issue_proof(KEYS, PROOF, now=NOW))
    assert not refused(signed({"typ": "otp-proof+jwt", "kid": "2"}, claims))
    assert refused(signed(header, claims))


@pytest.mark.parametrize("name", ["jti", "tenant", "phone", "purpose", "exp"])
@pytest.mark.parametrize("value", [None, "", 3, "x", [], {}, True])
def test_claims_of_another_form_are_refused(name: str, value: object) -> None:
    claims = claims_of(issue_proof(KEYS, PROOF, now=NOW))
    header = {"typ": "otp-proof+jwt", "kid": "2"}
    assert refused(signed(header, {k: v for k, v in claims.items() if k != name}))
    if name != "phone":  # any text is some hash, which no row has
        assert refused(signed(header, claims | {name: value}))
