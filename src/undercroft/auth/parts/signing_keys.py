"""Keys of our own that sign, each with a public part by which others can verify: ES256, RS256, EdDSA.

Format: JWK (RFC 7517), as Supabase CLI's `gen signing-key` writes it. A key is on its way in (`standby`), in use, was
used, or is believed no more (`revoked`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from msgspec.json import encode

from undercroft.auth.errors import KeyFault
from undercroft.auth.parts.keyring import ALGORITHMS, MAX_KEYS, TrustedKey, key_set
from undercroft.auth.parts.signing import compact_signer

STANDBY, IN_USE, PREVIOUS, REVOKED = "standby", "in_use", "previously_used", "revoked"
STATES = (STANDBY, IN_USE, PREVIOUS, REVOKED)
NEW = ("ES256", "RS256", "EdDSA")
_SIGNS = {"EC": "ES256", "RSA": "RS256", "OKP": "EdDSA", "oct": "HS256"}
_READERS: dict[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey, "oct": OctKey}
_PUBLIC = ("kty", "crv", "x", "y", "n", "e")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key, what it is for, and since when it is so."""

    jwk: Mapping[str, Any] = field(repr=False)
    state: str
    since: int = 0
    """Seconds since 1970."""

    @property
    def kid(self) -> str:
        """Its name, which stands in the header of each token."""
        return str(self.jwk["kid"])

    @property
    def algorithm(self) -> str:
        """By which it signs."""
        return _SIGNS[self.jwk["kty"]]

    @property
    def is_believed(self) -> bool:
        """Whether its tokens are good. A standby's are, so that no process is late when it comes into use."""
        return self.state != REVOKED

    def trusted(self) -> TrustedKey:
        """What its tokens are verified with. Raises `KeyFault`."""
        return key_set(json.dumps(dict(self.jwk)))[0]

    def public(self) -> dict[str, Any] | None:
        """What others verify with; None for a secret, of which nothing can be told."""
        if self.jwk["kty"] == "oct":
            return None
        told = {name: self.jwk[name] for name in _PUBLIC if name in self.jwk}
        return {**told, "kid": self.kid, "alg": self.algorithm, "use": "sig", "key_ops": ["verify"], "ext": True}

    def without_private(self, state: str, now: float) -> SigningKey:
        """The same in a state in which it signs nothing any more."""
        return SigningKey(self.public() or dict(self.jwk), state, int(now))

    def signer(self) -> Signer:
        """What signs with it. Raises `KeyFault` where its private part is not here."""
        return Signer(self)


class Signer:
    """Signs with one key, which is read once."""

    def __init__(self, key: SigningKey) -> None:
        if not can_sign(key.jwk):
            raise KeyFault(f'the signing key "{key.kid}" has no private part')
        self._sign = compact_signer(
            {"alg": key.algorithm, "typ": "JWT", "kid": key.kid},
            _READERS[key.jwk["kty"]].import_key(_plain(key.jwk)),
            encode,
        )

    def __call__(self, claims: Mapping[str, Any]) -> str:
        """A token with these claims."""
        return self._sign(claims)


def new_key(algorithm: str, now: float) -> SigningKey:
    """A fresh one, standing by. Raises `KeyFault` for an algorithm of another kind."""
    if algorithm == "ES256":
        made: Any = ECKey.generate_key("P-256", private=True)
    elif algorithm == "RS256":
        made = RSAKey.generate_key(2048, private=True)
    elif algorithm == "EdDSA":
        made = OKPKey.generate_key("Ed25519", private=True)
    else:
        raise KeyFault(f"{algorithm} is none of {', '.join(NEW)}")
    return SigningKey({**made.as_dict(private=True), "kid": str(uuid4()), "alg": algorithm}, STANDBY, int(now))


def read_keys(document: str | bytes, name: str) -> tuple[SigningKey, ...]:
    """The keys of Supabase CLI's `signing_keys_path`: a list of JWKs. The first that may sign is in use, the others
    only verify. Raises `KeyFault`.
    """
    try:
        listed = json.loads(document)
    except ValueError:
        raise KeyFault(f"{name} is not JSON") from None
    if isinstance(listed, dict):
        listed = listed.get("keys", [listed])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed) or len(listed) > MAX_KEYS:
        raise KeyFault(f"{name} is no list of at most {MAX_KEYS} JWKs")
    keys = [checked(each, PREVIOUS, 0, name) for each in listed]
    for place, key in enumerate(keys):
        if can_sign(key.jwk) and "sign" in key.jwk.get("key_ops", ["sign"]):
            keys[place] = SigningKey(key.jwk, IN_USE)
            break
    return tuple(keys)


def checked(jwk: dict[str, Any], state: str, since: int, name: str) -> SigningKey:
    """A key that can be used as it says. Raises `KeyFault`, which repeats nothing of it."""
    kind = jwk.get("kty")
    if kind not in ALGORITHMS or jwk.get("alg") not in (None, *ALGORITHMS[str(kind)]):
        raise KeyFault(f"{name} has a key that is none for ES256, RS256, EdDSA or HS256")
    key_set(json.dumps(jwk))  # weak and broken ones are refused there
    try:
        read = _READERS[str(kind)].import_key(_plain(jwk))
        kid = jwk.get("kid") or read.thumbprint()
    except (JoseError, ValueError, TypeError, KeyError):
        raise KeyFault(f"{name} has a key that cannot be read") from None
    return SigningKey({**jwk, "kid": str(kid)}, state, since)


def can_sign(jwk: Mapping[str, Any]) -> bool:
    """Whether the private part is there."""
    return bool(jwk.get("k" if jwk.get("kty") == "oct" else "d"))


def _plain(jwk: Mapping[str, Any]) -> dict[str, Any]:
    """The key without what is said of its use, by which the library would refuse it."""
    return {name: value for name, value in jwk.items() if name not in ("key_ops", "use", "ext", "alg", "kid")}
