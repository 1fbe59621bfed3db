"""From a token to the actor it stands for: signature, then claims, with PostgREST's order of checks and its texts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from undercroft.access.actor import Actor
from undercroft.auth.errors import AnonymousFault, ClaimsFault, NoKeyFault, TokenFault
from undercroft.auth.parts import compact
from undercroft.auth.types import Verified

if TYPE_CHECKING:
    from collections.abc import Mapping

    from undercroft.auth.parts.keyring import KeyRing, TrustedKey
    from undercroft.auth.parts.role_path import RolePath


USE, ID_TOKEN = "token_use", "id"
"""What our ID tokens say of themselves: one key signs them and access tokens."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a token's claims must satisfy."""

    role: RolePath
    anon_role: str | None = "anon"
    """The role of a token that names none; None refuses such tokens."""
    audience: tuple[str, ...] = ()
    leeway: int = 30
    """Seconds by which clocks may differ."""


def verify(token: bytes, ring: KeyRing, rules: Rules, now: float) -> Verified:
    """The actor of `token` at `now` (seconds since 1970), if a key of `ring` signed it and its claims hold.

    Raises `NoKeyFault`, `TokenFault` (PGRST301) or `ClaimsFault` (PGRST303).
    """
    if not ring.keys:
        raise NoKeyFault
    parsed = compact.read(token)
    key = _signer(parsed, ring)
    claims = compact.claims(parsed.payload)
    if claims.get(USE) == ID_TOKEN:
        raise ClaimsFault("An ID token is no access token")
    expires = _check_times(claims, rules.leeway, now)
    _check_audience(claims, rules.audience)
    if key.issuer is not None and claims.get("iss") != key.issuer:
        raise ClaimsFault("JWT issuer is not trusted")
    return Verified(actor_of(claims, rules), expires)


def _signer(parsed: compact.Compact, ring: KeyRing) -> TrustedKey:
    if not ring.supports(parsed.algorithm):
        raise TokenFault("Wrong or unsupported encoding algorithm", details="No key is meant for the JWT's algorithm")
    candidates = ring.candidates(parsed.algorithm, parsed.kid)
    if not candidates:
        raise TokenFault("No suitable key or wrong key type", details="No key has the JWT's 'kid'")
    for key in candidates:
        if key.verifies(parsed.algorithm, parsed.signed, parsed.signature):
            return key
    raise TokenFault("No suitable key or wrong key type", details="None of the keys was able to decode the JWT")


def _check_times(claims: Mapping[str, Any], leeway: int, now: float) -> float:
    """The moment at which the token stops being good, leeway included."""
    exp, nbf, iat = _number(claims, "exp"), _number(claims, "nbf"), _number(claims, "iat")
    expires = math.inf if exp is None else exp + leeway
    if now > expires:
        raise ClaimsFault("JWT expired")
    if nbf is not None and nbf > now + leeway:
        raise ClaimsFault("JWT not yet valid")
    if iat is not None and iat > now + leeway:
        raise ClaimsFault("JWT issued at future")
    return expires


def _number(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ClaimsFault(f"The JWT '{name}' claim must be a number")
    try:
        return float(value)
    except OverflowError:
        raise ClaimsFault(f"The JWT '{name}' claim must be a number") from None


def _check_audience(claims: Mapping[str, Any], wanted: tuple[str, ...]) -> None:
    """As PostgREST has it: a token that names no audience (absent, null, []) is for everybody; names match exactly."""
    given = claims.get("aud")
    if given is None:
        return
    named = [given] if isinstance(given, str) else given
    if not isinstance(named, list) or not all(isinstance(item, str) for item in named):
        raise ClaimsFault("The JWT 'aud' claim must be a string or an array of strings")
    if wanted and named and not set(named) & set(wanted):
        raise ClaimsFault("JWT not in audience")


def actor_of(claims: Mapping[str, Any], rules: Rules) -> Actor:
    """The actor that sound claims describe: its role by the path, its user id from `sub`, a number as its digits."""
    role = rules.role.find(claims)
    if role is None:
        role = rules.anon_role
        if role is None:
            raise AnonymousFault
    if not isinstance(role, str) or not role:
        raise ClaimsFault("The JWT role claim must be a string")
    sub = claims.get("sub")
    if isinstance(sub, int) and not isinstance(sub, bool):
        sub = str(sub)
    uid = sub if isinstance(sub, str) and sub else None
    return Actor(role, uid, MappingProxyType({**claims, "role": role}))
