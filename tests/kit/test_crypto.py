import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_saas.kit.crypto import CannotDecrypt, KeyRing, decrypt, encrypt, keyed_hash
from crm_saas.kit.settings import Settings

OLD = KeyRing({1: b"\x01" * 32})
ROTATED = KeyRing({1: b"\x01" * 32, 2: b"\x02" * 32})
NEW_ONLY = KeyRing({2: b"\x02" * 32})


@given(st.binary(max_size=500), st.binary(max_size=50))
def test_a_value_comes_back(plaintext: bytes, aad: bytes) -> None:
    assert decrypt(OLD, encrypt(OLD, plaintext, aad), aad) == plaintext


def test_equal_values_are_sealed_differently() -> None:
    assert encrypt(OLD, b"+96890123456", b"") != encrypt(OLD, b"+96890123456", b"")


def test_rotation_reads_the_old_and_writes_the_new() -> None:
    assert decrypt(ROTATED, encrypt(OLD, b"secret", b"place"), b"place") == b"secret"
    assert decrypt(NEW_ONLY, encrypt(ROTATED, b"secret", b"place"), b"place") == b"secret"


def test_a_key_that_is_gone_is_named() -> None:
    with pytest.raises(CannotDecrypt, match="key 1"):
        decrypt(NEW_ONLY, encrypt(OLD, b"secret", b""), b"")


def test_a_value_opens_only_where_it_belongs() -> None:
    with pytest.raises(CannotDecrypt):
        decrypt(OLD, encrypt(OLD, b"secret", b"one row"), b"another row")


def test_every_altered_bit_is_noticed() -> None:
    sealed = encrypt(ROTATED, b"secret", b"place")
    for bit in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CannotDecrypt):
            decrypt(ROTATED, bytes(altered), b"place")


def test_every_truncation_is_noticed() -> None:
    sealed = encrypt(OLD, b"secret", b"")
    for length in range(len(sealed)):
        with pytest.raises(CannotDecrypt):
            decrypt(OLD, sealed[:length], b"")


@pytest.mark.parametrize("masters", [{}, {1: b"short"}, {0: b"\x01" * 32}, {2**32: b"\x01" * 32}])
def test_a_ring_refuses_unusable_keys(masters: dict[int, bytes]) -> None:
    with pytest.raises(ValueError):
        KeyRing(masters)


def test_subkeys_differ_by_purpose_and_version() -> None:
    ring = KeyRing.from_settings(Settings(master_keys=ROTATED.masters))
    assert ring.subkey("otp") == ring.subkeys("otp")[2] == NEW_ONLY.subkey("otp")
    assert len({ring.subkey("otp"), ring.subkey("other"), ring.subkey("otp", 1)}) == 3


def test_lookup_keys_survive_a_rotation() -> None:
    assert ROTATED.lookup_key("phones") == OLD.lookup_key("phones")


def test_a_ring_does_not_show_its_keys() -> None:
    assert "01" not in repr(KeyRing({7: b"\x01" * 32})).replace("7", "")


@given(st.lists(st.binary(max_size=4), max_size=4), st.lists(st.binary(max_size=4), max_size=4))
def test_hashes_of_different_lists_differ(one: list[bytes], other: list[bytes]) -> None:
    key = os.urandom(32)
    assert (keyed_hash(key, *one) == keyed_hash(key, *other)) == (one == other)


def test_a_key_that_is_held_back_reads_and_does_not_encrypt() -> None:
    held_back = KeyRing(ROTATED.masters, encrypting=1)
    assert decrypt(OLD, encrypt(held_back, b"a", b""), b"") == b"a"
    assert decrypt(held_back, encrypt(ROTATED, b"a", b""), b"") == b"a"
    assert held_back.subkey("a") == OLD.subkey("a")
    with pytest.raises(ValueError, match="one of the ring"):
        KeyRing(OLD.masters, encrypting=2)
