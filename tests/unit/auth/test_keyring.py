"""Key sets: what is read from them, what is passed over, and what stops the start."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from undercroft.auth.errors import KeyFault
from undercroft.auth.parts.keyring import KeyRing, key_set, secret_key

RSA = RSAKey.generate_key(2048, {"kid": "r"}).as_dict(private=False)
EC = ECKey.generate_key("P-256", {"kid": "e"}).as_dict(private=False)
ED = OKPKey.generate_key("Ed25519", {"kid": "d"}).as_dict(private=False)
OCT = OctKey.generate_key(256, {"kid": "o"}).as_dict(private=True)


def read(*keys: Any) -> dict[str | None, list[str]]:
    return {key.kid: sorted(key.algorithms) for key in key_set(json.dumps({"keys": keys}))}


def test_each_key_gets_the_algorithms_of_its_type() -> None:
    assert read(RSA, EC, ED, OCT) == {"r": ["RS256"], "e": ["ES256"], "d": ["Ed25519", "EdDSA"], "o": ["HS256"]}


def test_a_single_key_is_a_set_of_one_and_private_parts_are_dropped() -> None:
    whole = RSAKey.generate_key(2048).as_dict(private=True)
    (key,) = key_set(json.dumps(whole), "https://id.test/")
    assert key.issuer == "https://id.test/"
    assert not key.key.is_private
    assert "key=" not in repr(key)


def test_keys_for_other_purposes_are_passed_over() -> None:
    others = [
        {**RSA, "use": "enc"},
        {**RSA, "alg": "PS256"},
        {**EC, "crv": "P-384"},
        {"kty": "new"},
        {**ED, "crv": "X25519"},
    ]
    assert read(EC, *others) == {"e": ["ES256"]}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("nonsense", "not JSON"),
        ("3", "neither a key nor"),
        ('{"keys": 3}', "neither a key nor"),
        ('{"keys": [3]}', "neither a key nor"),
        ('{"keys": []}', "has no key for"),
        (json.dumps({"keys": [{**RSA, "use": "enc"}]}), "has no key for"),
        (json.dumps({"kty": "RSA", "e": "AQAB"}), "cannot be read"),
        (json.dumps({**EC, "x": EC["y"], "kid": "bent"}), 'key "bent" of the key set (jwks) cannot be read'),
        (json.dumps({**RSA, "kid": 3}), "kid that is not a text"),
        (json.dumps({"kty": "oct", "k": "c2hvcnQ", "kid": "s"}), "too short to be safe: 40 bits"),
        (json.dumps({"keys": [OCT] * 65}), "more than 64 keys"),
    ],
)
def test_a_bad_key_set_stops_the_start(document: str, said: str) -> None:
    with pytest.raises(KeyFault) as caught:
        key_set(document)
    assert said in str(caught.value)


def test_a_short_rsa_key_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    public = rsa.generate_private_key(65537, 1024).public_key().public_numbers()  # what an old issuer might still have
    modulus = RSAKey.import_key(RSA).as_dict()["n"]
    assert len(str(modulus)) > 300
    from base64 import urlsafe_b64encode

    short = urlsafe_b64encode(public.n.to_bytes(128, "big")).rstrip(b"=").decode()
    with pytest.raises(KeyFault, match="too short to be safe: 1024 bits"):
        key_set(json.dumps({"kty": "RSA", "n": short, "e": "AQAB"}))


def test_a_kid_picks_one_key_and_no_kid_picks_all_that_fit() -> None:
    twin = {**EC, "kid": "e2"}
    ring = KeyRing((secret_key(b"x" * 32), *key_set(json.dumps({"keys": [RSA, EC, twin]}))))
    assert [key.kid for key in ring.candidates("ES256", None)] == ["e", "e2"]
    assert [key.kid for key in ring.candidates("ES256", "e2")] == ["e2"]
    assert ring.candidates("RS256", "e") == []
    assert ring.candidates("HS256", "anything") == []
    assert [key.kid for key in ring.candidates("HS256", None)] == [None]
    assert ring.supports("RS256")
    assert not ring.supports("none")
