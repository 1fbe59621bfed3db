"""The keys whose tokens are believed, each bound to the algorithms that fit it.

The token never chooses how it is checked: its `alg` only picks among keys that were made for that algorithm, so a
public key cannot be used as an HMAC secret.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from undercroft.auth.errors import KeyFault

HMAC = frozenset({"HS256"})
ALGORITHMS = {
    "RSA": frozenset({"RS256"}),
    "EC": frozenset({"ES256"}),
    "OKP": frozenset({"EdDSA", "Ed25519"}),
    "oct": HMAC,
}
"""What is taken from a key of each type (RFC 7518, RFC 8037, RFC 9864); everything else is refused."""

_PUBLIC = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "oct": ("k",)}
_CURVES = {"EC": "P-256", "OKP": "Ed25519"}
_READERS: dict[str, type[RSAKey | ECKey | OKPKey | OctKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey, "oct": OctKey}
MAX_KEYS = 64
SHORTEST_SECRET = 32
SHORTEST_RSA = 2048


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """One key, what it may verify, and (when set) the only issuer it speaks for."""

    algorithms: frozenset[str]
    key: Any = field(repr=False)
    kid: str | None = None
    issuer: str | None = None

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Whether `signature` over `signed` was made with this key by `algorithm`."""
        try:
            return bool(JWSRegistry.algorithms[algorithm].verify(signed, signature, self.key))
        except (JoseError, ValueError, TypeError):
            return False


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All trusted keys of an installation."""

    keys: tuple[TrustedKey, ...] = ()

    def candidates(self, algorithm: str, kid: str | None) -> list[TrustedKey]:
        """The keys that may have signed: made for `algorithm` and, where the token names a `kid`, of that very name."""
        return [key for key in self.keys if algorithm in key.algorithms and (kid is None or kid == key.kid)]

    def supports(self, algorithm: str) -> bool:
        """Whether any key is made for `algorithm`."""
        return any(algorithm in key.algorithms for key in self.keys)


def secret_key(secret: bytes) -> TrustedKey:
    """Our own HS256 secret as a key; its strength is judged in `signing`."""
    return TrustedKey(HMAC, _imported("oct", secret))


def key_set(document: str | bytes, issuer: str | None = None) -> tuple[TrustedKey, ...]:
    """The keys of a JWK or of a JWK Set (RFC 7517), public parts only; `issuer` is the only `iss` they may speak for.

    Keys for encryption and of types that we do not take are passed over, as RFC 7517 says. Raises `KeyFault` when the
    document is not one, when a key is weak or broken, or when none is left.
    """
    try:
        parsed = json.loads(document)
    except ValueError:
        raise KeyFault("the key set (jwks) is not JSON") from None
    listed = parsed.get("keys", [parsed]) if isinstance(parsed, dict) else parsed
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise KeyFault('the key set (jwks) is neither a key nor {"keys": [...]}')
    if len(listed) > MAX_KEYS:
        raise KeyFault(f"the key set (jwks) has more than {MAX_KEYS} keys")
    keys = tuple(_trusted(entry, issuer) for entry in listed if _is_for_us(entry))
    if not keys:
        raise KeyFault("the key set (jwks) has no key for RS256, ES256, EdDSA or HS256")
    return keys


def _is_for_us(entry: dict[str, Any]) -> bool:
    kind = entry.get("kty")
    if kind not in ALGORITHMS or entry.get("use", "sig") != "sig":
        return False
    return entry.get("crv") == _CURVES.get(kind) and entry.get("alg") in (None, *ALGORITHMS[kind])


def _trusted(entry: dict[str, Any], issuer: str | None) -> TrustedKey:
    kind, kid = entry["kty"], entry.get("kid")
    name = f'key "{kid}" of the key set (jwks)'
    if kid is not None and not isinstance(kid, str):
        raise KeyFault("a key of the key set (jwks) has a kid that is not a text")
    try:
        public = {"kty": kind, **{part: entry[part] for part in _PUBLIC[kind]}}
        key = _imported(kind, public)
        bits = len(key.get_op_key("verify")) * 8 if kind == "oct" else int(getattr(key.public_key, "key_size", 256))
    except (JoseError, KeyError, ValueError, TypeError):
        raise KeyFault(f"{name} cannot be read") from None
    if (kind == "RSA" and bits < SHORTEST_RSA) or (kind == "oct" and bits < SHORTEST_SECRET * 8):
        raise KeyFault(f"{name} is too short to be safe: {bits} bits")
    return TrustedKey(ALGORITHMS[kind], key, kid, issuer)


def _imported(kind: str, material: Any) -> Any:
    # The library warns of short keys; they are refused here instead.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _READERS[kind].import_key(material)
