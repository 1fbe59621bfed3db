"""The compact form of a signed token, read without trusting any of it.

One reader with one opinion: everything that two readers could take differently (padding, stray characters, a name that
appears twice, NaN) is refused here, before a key is looked up.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from undercroft.auth.errors import ClaimsFault, TokenFault

MAX_BYTES = 8 * 1024
"""Longer than any honest token (servers cap headers near here); refused before it is decoded."""

_URL_SAFE = re.compile(rb"[A-Za-z0-9_-]*")
# They name or bring the key that should verify the token: whoever wrote the token wrote them too.
_KEYS_INSIDE = ("jku", "jwk", "x5u", "x5c")
_TYPES = frozenset({"jwt", "at+jwt"})


@dataclass(frozen=True, slots=True)
class Compact:
    """A token taken apart; nothing of it is verified."""

    algorithm: str
    kid: str | None
    payload: bytes
    signature: bytes
    signed: bytes
    """The bytes that the signature is over."""


def read(token: bytes) -> Compact:
    """Take a token apart. Raises `TokenFault` for everything that is not one plainly signed token."""
    if not token:
        raise TokenFault("Empty JWT is sent in Authorization header")
    if len(token) > MAX_BYTES:
        raise TokenFault(f"JWT is longer than {MAX_BYTES} bytes")
    parts = token.split(b".")
    if len(parts) != 3:
        raise TokenFault(f"Expected 3 parts in JWT; got {len(parts)}")
    try:
        header = loads(decode(parts[0]))
        payload, signature = decode(parts[1]), decode(parts[2])
    except ValueError:
        raise TokenFault("JWT cryptographic operation failed") from None
    algorithm, kid = _plainly_signed(header)
    return Compact(algorithm, kid, payload, signature, parts[0] + b"." + parts[1])


def _plainly_signed(header: dict[str, Any]) -> tuple[str, str | None]:
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str):
        raise TokenFault("Wrong or unsupported encoding algorithm", details="JWT header has no 'alg'")
    if algorithm.lower() == "none":
        details = "JWT is unsecured but expected 'alg' was not 'none'"
        raise TokenFault("Wrong or unsupported encoding algorithm", details=details)
    for name in _KEYS_INSIDE:
        if name in header:
            raise TokenFault("No suitable key or wrong key type", details=f"JWT header '{name}' is not accepted")
    # RFC 7515, 4.1.11: what is critical and not understood refuses the token. We understand no extension, b64 included.
    if "crit" in header or header.get("b64", True) is not True:
        raise TokenFault("Unsupported token type", details="JWT header extensions are not accepted")
    kind, content = header.get("typ", "JWT"), header.get("cty")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        raise TokenFault("Unsupported token type", details="JWT header 'typ' is not 'JWT'")
    if content is not None or "enc" in header or "zip" in header:
        raise TokenFault("Unsupported token type", details="only signed, not encrypted or nested, JWTs are accepted")
    if kid is not None and not isinstance(kid, str):
        raise TokenFault("No suitable key or wrong key type", details="JWT header 'kid' is not a text")
    return algorithm, kid


def claims(payload: bytes) -> dict[str, Any]:
    """The claims of a verified payload. Raises `ClaimsFault` when it is not one plain JSON object of sound texts."""
    try:
        found = loads(payload)
        # Lone surrogates and NUL are valid JSON that no database takes as text.
        if b"\\u0000" in json.dumps(found, ensure_ascii=False).encode():
            raise ValueError("NUL in a text")
    except ValueError:
        raise ClaimsFault("Parsing claims failed") from None
    return found


def decode(part: bytes) -> bytes:
    """Base64url without padding (RFC 7515, 2), in its one canonical spelling. Raises `ValueError`."""
    if _URL_SAFE.fullmatch(part) is None:
        raise ValueError("not base64url")
    try:
        raw = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except binascii.Error:
        raise ValueError("not base64url") from None
    if encode(raw) != part:
        raise ValueError("not canonical base64url")
    return raw


def encode(raw: bytes) -> bytes:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def loads(raw: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8 with every name once and every number finite. Raises `ValueError`."""
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")  # one kind of error for all that is wrong with the text
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("number out of range")
    return value
