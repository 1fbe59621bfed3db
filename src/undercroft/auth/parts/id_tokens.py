"""ID tokens of other places (OpenID Connect Core 1.0, 3.1.3.7): whose signature, for whom, from whom, and until when.

The front end is that of our own tokens (`compact`, `keyring`): nothing in a token says how it is to be checked.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from undercroft.auth.errors import AuthFault, ClaimsFault, TokenFault
from undercroft.auth.parts import compact
from undercroft.auth.parts.compact import Compact
from undercroft.auth.parts.keyring import HMAC, KeyRing, TrustedKey

LEEWAY = 30
"""Seconds by which clocks may differ."""
_LONGEST_SUBJECT = 255


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say."""

    issuer: Callable[[Mapping[str, Any]], bool]
    """Whether these claims are from there."""
    audiences: Sequence[str]
    now: float
    access_token: str | None = None


def refused(why: str) -> AuthFault:
    """A token that is not believed."""
    return AuthFault("bad_jwt", f"Bad ID token: {why}", status=400)


def read(token: str) -> Compact:
    """Take a token apart. Raises `AuthFault` for what is none, and for an access token (RFC 9068)."""
    try:
        raw = token.encode("ascii")
        parsed = compact.read(raw)
        kind = compact.loads(compact.decode(raw.split(b".")[0])).get("typ", "JWT")
    except (TokenFault, ValueError):
        raise refused("it is not a signed JWT of a kind that is taken") from None
    if str(kind).lower() not in ("jwt", "application/jwt"):
        raise refused("it is a token of another kind")
    return parsed


def public_keys(keys: Sequence[TrustedKey]) -> KeyRing:
    """The keys of a place. A shared secret among them would be known to whoever reads them."""
    return KeyRing(tuple(key for key in keys if key.algorithms != HMAC))


def is_signed(token: Compact, ring: KeyRing) -> bool:
    """Whether a key of the ring made the signature."""
    return any(
        key.verifies(token.algorithm, token.signed, token.signature)
        for key in ring.candidates(token.algorithm, token.kid)
    )


def checked(token: Compact, expected: Expected) -> dict[str, Any]:
    """The claims of a token whose signature is good. Raises `AuthFault`."""
    try:
        claims = compact.claims(token.payload)
    except ClaimsFault:
        raise refused("its claims cannot be read") from None
    if not expected.issuer(claims):
        raise refused("it is from another issuer")
    _check_audience(claims, expected.audiences)
    _check_times(claims, expected.now)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or len(subject) > _LONGEST_SUBJECT:
        raise refused("it names nobody")
    if expected.access_token is not None and claims.get("at_hash") is not None:
        _check_hash(claims["at_hash"], expected.access_token, token.algorithm)
    return claims


def check_nonce(claims: Mapping[str, Any], given: str | None, *, hashed: bool, skip: bool) -> None:
    """That whoever shows the token is who asked for it. `hashed`: the app gave the place the nonce's SHA-256 in hex,
    as auth-js has it. Raises `AuthFault`."""
    held = claims.get("nonce")
    if skip:
        return
    if bool(held) != bool(given):
        raise refused("Passed nonce and nonce in id_token should either both exist or not.")
    if not held or given is None:
        return
    expected = hashlib.sha256(given.encode("utf-8", "replace")).hexdigest() if hashed else given
    if not isinstance(held, str) or not hmac.compare_digest(held.encode("utf-8", "replace"), expected.encode()):
        raise refused("Nonces mismatch")


def _check_audience(claims: Mapping[str, Any], audiences: Sequence[str]) -> None:
    given = claims.get("aud")
    named = [given] if isinstance(given, str) else given
    if not isinstance(named, list) or not named or not all(isinstance(each, str) for each in named):
        raise refused("it names no audience")
    if not set(named) & set(audiences):
        raise refused(f"Unacceptable audience in id_token: {named[:3]}")
    party = claims.get("azp")
    if len(named) > 1 and party not in audiences:
        raise refused("it was given to somebody else")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    ends, begins, made = (_moment(claims, name) for name in ("exp", "nbf", "iat"))
    if ends is None:
        raise refused("it has no end")
    if now > ends + LEEWAY:
        raise refused("it has expired")
    if any(moment is not None and moment > now + LEEWAY for moment in (begins, made)):
        raise refused("it is from the future")


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused(f"its {name} is not a number")
    try:
        return float(value)
    except OverflowError:
        raise refused(f"its {name} is out of range") from None


def _check_hash(given: Any, access_token: str, algorithm: str) -> None:
    """Core 1.0, 3.1.3.6: the left half of the hash that goes with the algorithm."""
    digest = hashlib.sha512 if algorithm in ("EdDSA", "Ed25519") else hashlib.sha256
    made = digest(access_token.encode("utf-8", "replace")).digest()
    expected = compact.encode(made[: len(made) // 2]).decode()
    if not isinstance(given, str) or not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise refused("it goes with another access token")
