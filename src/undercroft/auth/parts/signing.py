"""Our own signature: which secrets are strong enough for it, and tokens made with it."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from joserfc.jws import JWSRegistry

from undercroft.auth.errors import KeyFault, TokenFault
from undercroft.auth.parts import compact
from undercroft.auth.parts.keyed import keyed
from undercroft.auth.parts.keyring import SHORTEST_SECRET, secret_key
from undercroft.base.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Published in documentation and examples: whoever reads those can sign with them.
_KNOWN = frozenset(
    {
        b"reallyreallyreallyreallyverysafe",
        b"super-secret-jwt-token-with-at-least-32-characters-long",
        b"your-super-secret-jwt-token-with-at-least-32-characters-long",
        b"your-super-secret-and-long-postgres-password",
    }
)
_FEWEST_DIFFERENT = 8
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def weakness(secret: Secret, *, dev: bool = False) -> str | None:
    """Why a signing secret must not be used, in words, or None. `dev` lets published and monotonous ones pass."""
    raw = secret.reveal_bytes()
    if len(raw) < SHORTEST_SECRET:
        return f"it has {len(raw)} bytes, and HS256 needs at least {SHORTEST_SECRET}"
    if raw.lstrip().startswith((b"-----BEGIN", b"{", b"ssh-")):
        return "it is a key file, not a secret: name public keys as [auth] jwks or jwks_file"
    if dev:
        return None
    if raw.strip() in _KNOWN:
        return "it is an example from public documentation"
    if len(set(raw)) < _FEWEST_DIFFERENT:
        return f"it consists of fewer than {_FEWEST_DIFFERENT} different characters"
    return None


def configured_secret(secret: Secret | None, *, is_base64: bool = False, dev: bool = False) -> Secret | None:
    """The secret that the settings give, decoded and found strong enough; None when they give none.

    Raises `KeyFault`, which says what is wrong and never repeats the secret.
    """
    if secret is None:
        return None
    if is_base64:
        try:
            text = secret.reveal().strip().replace("-", "+").replace("_", "/")
            secret = Secret(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
        except (binascii.Error, ValueError):
            raise KeyFault("[auth] jwt_secret is not base64, as jwt_secret_is_base64 says") from None
    if reason := weakness(secret, dev=dev):
        raise KeyFault(
            f"[auth] jwt_secret must not be used: {reason}", hint="openssl rand -base64 48 prints a good one"
        )
    return secret


def sign(claims: Mapping[str, Any], secret: Secret) -> str:
    """A token with exactly these claims, signed by HS256. Raises `ValueError` for claims that are not JSON."""
    return secret_signer(secret)(claims)


def secret_signer(
    secret: Secret, write: Callable[[Mapping[str, Any]], bytes] | None = None
) -> Callable[[Mapping[str, Any]], str]:
    """What signs by HS256 with a secret, which is read once."""
    raw = secret.reveal_bytes()
    return _compact({"alg": "HS256", "typ": "JWT"}, lambda over: keyed(raw, over), write)


def compact_signer(
    header: Mapping[str, str], key: Any, write: Callable[[Mapping[str, Any]], bytes] | None = None
) -> Callable[[Mapping[str, Any]], str]:
    """What makes compact tokens (RFC 7515, 3.1) with one header and one key; `write` makes JSON of claims."""
    algorithm = JWSRegistry.algorithms[header["alg"]]
    return _compact(header, lambda over: algorithm.sign(over, key), write)


def _compact(
    header: Mapping[str, str],
    signature: Callable[[bytes], bytes],
    write: Callable[[Mapping[str, Any]], bytes] | None,
) -> Callable[[Mapping[str, Any]], str]:
    written = write or _json
    head = compact.encode(_json(header)) + b"."

    def signed(claims: Mapping[str, Any]) -> str:
        over = head + compact.encode(written(claims))
        return (over + b"." + compact.encode(signature(over))).decode("ascii")

    return signed


def _json(value: Mapping[str, Any]) -> bytes:
    return _ENCODER.encode(value).encode()


def signed_with(secret: Secret, *tokens: str) -> bool:
    """Whether every one of these tokens carries our signature by `secret`; their claims are not looked at."""
    key = secret_key(secret.reveal_bytes())
    try:
        parsed = [compact.read(token.encode()) for token in tokens]
    except (TokenFault, UnicodeEncodeError):
        return False
    return all(
        token.algorithm in key.algorithms and key.verifies(token.algorithm, token.signed, token.signature)
        for token in parsed
    )


def token_claims(
    role: str,
    *,
    now: float,
    lifetime: float,
    issuer: str,
    sub: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The claims of a token made for somebody: `role`, `sub`, `iat`, `exp` (in whole seconds), `iss`, then `more`."""
    claims: dict[str, Any] = {"iss": issuer, "role": role}
    if sub is not None:
        claims["sub"] = sub
    return {**claims, "iat": int(now), "exp": int(now + lifetime), **(more or {})}


def read_claim(text: str) -> tuple[str, Any]:
    """`name=value` from a command line: the value as JSON where it is JSON, else as text. Raises `ValueError`."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError(f"{text!r} is not name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
