"""Credentials and proofs that nobody was given: refused as none at all, and never a 500."""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from assurance import Reached
from crm_saas.kit.tokens import _checksum, new_token, read_token
from crm_saas.otp.keys import OtpKeys
from crm_saas.otp.proofs import Proof, issue_proof
from factories.codes import new_mobile, owner, send_code
from factories.database import rows
from factories.servers import Server
from factories.tenants import TestTenant, make_tenant
from sizes import sized

# Every place of a credential is changed; over HTTP every so many of them.
STEP = sized(short=9, long=1)


@pytest.fixture(scope="module")
def ours(server: Server) -> Iterator[TestTenant]:
    with make_tenant(server) as made:
        yield made


@pytest.fixture(scope="module")
def theirs(server: Server) -> Iterator[TestTenant]:
    with make_tenant(server) as made:
        yield made


def flipped(text: str) -> Iterator[str]:
    """Each character with one bit changed, and another letter of the same case."""
    for at, letter in enumerate(text):
        for other in (chr(ord(letter) ^ 1), chr(ord(letter) ^ 32)):
            if other != letter and other.isprintable():
                yield text[:at] + other + text[at + 1 :]


def forged_keys(key: str, other: str, other_tenant: str) -> Iterator[str]:
    """Of a key that is good, another of the same tenant's, and one of another tenant's."""
    head, kind, place, secret = key.split("_")
    yield from flipped(key)
    yield from (key[:length] for length in range(len(key)))
    yield from (key.swapcase(), key.upper(), key.lower(), key + "A", "x" + key, key * 2, key * 500)
    grafts = (
        f"{head}_{kind}_{other_tenant.split('_')[2]}_{secret[:-6]}",  # theirs, with our secret
        f"{head}_{kind}_{place}_{other_tenant.split('_')[3][:-6]}",  # ours, with their secret
        f"{head}_pk_{place}_{secret[:-6]}",
        f"{head}_st_{secret[:-6]}",
        f"{head}_{kind}_{place}_{'0' * 27}",
        f"{head}_{kind}_{'z' * 22}_{secret[:-6]}",
    )
    yield from (body + _checksum(body) for body in grafts)
    yield new_token("sk", read_token(key).tenant_id).text  # type: ignore[union-attr]
    yield new_token("st").text
    yield key[:-6] + other[-6:]


def headers_of(key: str) -> Iterator[list[tuple[bytes, bytes]]]:
    """Ways of sending a good key that are not ours."""
    good = key.encode()
    for value in (
        b"Basic " + good, b"Digest " + good, b"Token " + good, good, b"Bearer",
        b"Bearer" + good, b"Bearer\t" + good, b"Bearer " + good + b" " + good,
        b"Bearer " + good[:20] + b" " + good[20:], b"Bearer " + good + b",",
        b'Bearer "' + good + b'"',
        b"Bearer " + good + b"; x=1", b"Bearer null", b"Bearer undefined", b"Bearer " + b"A" * 7000,
        b"Bearer \xff\xfe" + good, "Bearer ك".encode() + good,
    ):  # fmt: skip
        yield [(b"Authorization", value)]
    yield [(b"Authorization", b"Bearer wrong"), (b"Authorization", b"Bearer " + good)]
    yield [(b"Authorization", b"Bearer " + good), (b"Authorization", b"Bearer wrong")]
    yield [(b"X-Api-Key", good)]
    yield [(b"Cookie", b"Authorization=Bearer " + good)]
    yield [(b"Proxy-Authorization", b"Bearer " + good)]


def refused(answer: httpx.Response) -> bool:
    return (
        answer.status_code in {400, 401}
        and answer.headers["content-type"] == "application/problem+json"
    )


def test_no_key_is_near_another(ours: TestTenant, theirs: TestTenant, reached: Reached) -> None:
    key, other, foreign = ours.key("owner"), ours.key("pos"), theirs.key("owner")
    # No client sends a header that ends in a space.
    made = forged_keys(key, other, foreign)
    forged = [text for text in made if text and text.isascii() and text == text.rstrip()]
    known = {key, other, foreign}
    assert not known & set(forged)
    for text in forged:
        token = read_token(text)
        assert token is None or token.text == text
    survivors = [text for text in forged if read_token(text) is not None]
    with ours.server.client() as client:
        for text in {*survivors, *forged[::STEP]}:
            answer = client.get("/auth/me", headers={"Authorization": f"Bearer {text}"})
            assert refused(answer), (text[:100], answer.status_code, answer.text)
        for sent in headers_of(key):
            answer = client.get("/auth/me", headers=sent)
            assert refused(answer), (sent, answer.status_code)
        good = client.get("/auth/me", headers={"Authorization": f"bearer  {key}"})
        assert good.status_code == 200
    reached("forged keys and tokens", len(forged))


def test_a_session_is_nobody_elses(ours: TestTenant, reached: Reached) -> None:
    email = ours.member("owner", email=f"{secrets.token_hex(4)}@staff.example").email
    with ours.server.client() as client:
        answer = client.post("/auth/login", json={"email": email, "password": "a long password"})
        token = answer.json()["token"]
        forged = [text for text in [*flipped(token), token[:-1], token.upper()] if text != token]
        for text in forged[::STEP]:
            assert refused(client.get("/auth/me", headers={"Authorization": f"Bearer {text}"}))
        for text in forged:
            assert read_token(text) is None
    reached("forged keys and tokens", len(forged))


def test_a_query_is_no_place_for_a_key(ours: TestTenant) -> None:
    key = ours.key("owner")
    with ours.server.client() as client:
        for name in ("access_token", "api_key", "token", "key"):
            assert client.get("/auth/me", params={name: key}).status_code in {401, 422}


def test_forged_proofs_verify_no_phone(
    ours: TestTenant, theirs: TestTenant, reached: Reached
) -> None:
    phone = new_mobile()
    token = _proof(ours, phone)
    forged = list(_forged_proofs(ours, theirs, token, phone))
    client = ours.client("pos")
    for text in forged:
        body = {"type": "full", "name": "Amal", "phone": phone, "verificationToken": text}
        answer = client.post("/customers", json=body)
        assert answer.status_code == 422, (text[:200], answer.text)
    assert not _customers_with(ours, phone)
    for body in (
        {"phone": new_mobile(), "verificationToken": token},
        {"phone": phone, "verificationToken": _proof(ours, phone, purpose="login")},
    ):
        body |= {"type": "full", "name": "Amal"}
        assert client.post("/customers", json=body).status_code == 422
    good = {"type": "full", "name": "Amal", "phone": phone, "verificationToken": token}
    assert theirs.client("pos").post("/customers", json=good).status_code == 422
    made = client.post("/customers", json=good)
    assert made.status_code == 201, made.text
    again = client.patch(f"/customers/{made.json()['id']}", json={
        "phone": phone, "verificationToken": token, "claimPhone": True
    })  # fmt: skip
    assert again.status_code == 422, "a proof is good once"
    reached("forged proofs of a phone", len(forged))


def _proof(tenant: TestTenant, phone: str, purpose: str = "registration") -> str:
    _minute_passes(tenant, phone)
    code = send_code(tenant, phone, purpose)
    answer = tenant.client("pos").post(
        "/customers/verify-otp", json={"phone": phone, "code": code, "purpose": purpose}
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["verificationToken"])


def _minute_passes(tenant: TestTenant, phone: str) -> None:
    with owner(tenant) as connection:
        connection.execute(
            "update sys_otp_codes set last_sent_at = last_sent_at - interval '61 seconds'"
            " where phone_hash = %s",
            [OtpKeys.of(tenant.server.settings).phone_hash(phone)],
        )


def _customers_with(tenant: TestTenant, phone: str) -> list[tuple[Any, ...]]:
    return rows(
        tenant.server.settings,
        "select id from org_customers_mst where tenant_org_id = %s and phone = %s",
        tenant.id,
        phone,
    )


def _forged_proofs(ours: TestTenant, theirs: TestTenant, token: str, phone: str) -> Iterator[str]:
    header, payload, signature = token.split(".")
    keys = OtpKeys.of(ours.server.settings)
    newest = max(keys.proofs)
    claims = json.loads(_decoded(payload))
    yield from list(flipped(token))[::STEP]
    yield from (token[:length] for length in range(0, len(token), STEP))
    for alg in ("none", "None", "NONE", "nOnE", ""):
        unsigned = _encoded({"alg": alg, "typ": "otp-proof+jwt"})
        yield from (f"{unsigned}.{payload}.", f"{unsigned}.{payload}.{signature}")
    usual = {"alg": "HS256", "typ": "otp-proof+jwt", "kid": str(newest)}
    for kid in ("../../dev/null", "0", "-1", "' or '1'='1", "99", None, newest, ["1"], {"a": 1}):
        yield f"{_encoded(usual | {'kid': kid})}.{payload}.{signature}"
    tricks: tuple[dict[str, Any], ...] = (
        {"jku": "http://127.0.0.1/k"}, {"x5u": "http://127.0.0.1/k"}, {"crit": ["b64"]},
        {"b64": False}, {"jwk": {"kty": "oct", "k": "AAAA"}}, {"zip": "DEF"},
    )  # fmt: skip
    for extra in tricks:
        yield f"{_encoded(usual | extra)}.{payload}.{signature}"
    yield from _signed_by_others(claims, newest)
    for change in ({"exp": 10**12}, {"tenant": str(theirs.id)}, {"purpose": "login"}, {"jti": "x"},
                   {"phone": "AAAA"}, {"exp": "never"}, {"exp": None}, {"exp": 1e400}):  # fmt: skip
        yield f"{header}.{_encoded(claims | change)}.{signature}"
    yield from _well_signed(ours, theirs, phone, claims)
    yield from (
        f"{token}.",
        f".{token}",
        f"{token}.{payload}",
        token + "=",
        f" {token}",
        f"{token} ",
    )
    yield from (
        "a.b.c",
        "..",
        ".",
        "{}",
        "A" * 1000,
        f"{header}..{signature}",
        f"{header}.{payload}",
    )


def _signed_by_others(claims: dict[str, Any], kid: int) -> Iterator[str]:
    """Another secret, and keys of other kinds: RS256 where HS256 is meant."""
    head = {"alg": "HS256", "typ": "otp-proof+jwt", "kid": str(kid)}
    for secret in (secrets.token_bytes(32), b"\x00" * 32, b"secret" * 6):
        yield jwt.encode(head, claims, OctKey.import_key(secret), ["HS256"])
        for algorithm in ("HS384", "HS512"):
            yield jwt.encode(
                head | {"alg": algorithm}, claims, OctKey.import_key(secret * 2), [algorithm]
            )
    private = RSAKey.import_key(generate_private_key(65537, 2048))
    yield jwt.encode(head | {"alg": "RS256"}, claims, private, ["RS256"])


def _well_signed(
    ours: TestTenant, theirs: TestTenant, phone: str, claims: dict[str, Any]
) -> Iterator[str]:
    """By the right key, and still not good: expired, another tenant's, made for something else."""
    keys = OtpKeys.of(ours.server.settings)
    proof = Proof(
        challenge_id=UUID(claims["jti"]),
        tenant_id=ours.id,
        phone_hash=keys.phone_hash(phone),
        purpose="registration",
    )
    now = datetime.now(UTC)
    yield issue_proof(keys.proofs, proof, now=now - timedelta(minutes=11))
    foreign = {"challenge_id": proof.challenge_id, "phone_hash": proof.phone_hash}
    yield issue_proof(keys.proofs, Proof(**foreign, tenant_id=theirs.id, purpose="registration"))
    yield issue_proof(keys.proofs, Proof(**foreign, tenant_id=ours.id, purpose="login"))
    unknown = {"tenant_id": ours.id, "phone_hash": proof.phone_hash, "purpose": "registration"}
    yield issue_proof(keys.proofs, Proof(challenge_id=UUID(int=5), **unknown))
    key = OctKey.import_key(keys.proofs[max(keys.proofs)])
    for typ in ("JWT", None, "otp-proof"):
        head = {"alg": "HS256", "kid": str(max(keys.proofs))} | ({"typ": typ} if typ else {})
        yield jwt.encode(head, claims, key, ["HS256"])
    # Our own keys for other uses are no keys for proofs.
    for other in (keys.codes[max(keys.codes)], keys.budgets):
        head = {"alg": "HS256", "typ": "otp-proof+jwt", "kid": str(max(keys.proofs))}
        yield jwt.encode(head, claims, OctKey.import_key(other), ["HS256"])


def _encoded(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
