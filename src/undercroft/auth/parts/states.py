"""What binds a way over another place to the browser that began it (RFC 6749, 10.12; RFC 7636; RFC 9700, 4.7).

A way begins with a random state. Everything else is made of it, with a key that is not in the database: the cookie that
only the browser has that began, the nonce of the ID token, and the verifier that only we can show to the place. Stored
is a hash of the state, so who reads the database can go on with nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from uuid import UUID

from undercroft.base.secret import Secret

SECONDS = 600
"""For how long a way may be under way."""


def new_state() -> str:
    """256 bits, base64url."""
    return secrets.token_urlsafe(32)


def flow_of(state: str) -> str:
    """The id under which a way is stored: 128 bits of the hash of its state."""
    return str(UUID(bytes=hashlib.sha256(state.encode("utf-8", "replace")).digest()[:16]))


def derived(key: Secret, purpose: str, state: str) -> str:
    """A secret of a way: `browser`, `nonce` or `verifier`. 43 characters of base64url."""
    message = f"oauth {purpose}\x00{state}".encode("utf-8", "replace")
    made = hmac.new(key.reveal_bytes(), message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def cookie_name(state: str, *, secure: bool) -> str:
    """The name of a way's cookie: each has its own, so that one in another tab does not end it. `__Host-` is what only
    this host could set, and needs TLS."""
    return f"{'__Host-' if secure else ''}signing-in-{flow_of(state)[:8]}"


def cookie(name: str, value: str, *, secure: bool, cross_site: bool, seconds: int = SECONDS) -> str:
    """A `Set-Cookie`. `cross_site` is for places that send people back by a form, with which no other cookie comes."""
    parts = [f"{name}={value}", "Path=/", f"Max-Age={seconds}", "HttpOnly"]
    if secure:
        parts.append("Secure")
    parts.append("SameSite=None" if cross_site and secure else "SameSite=Lax")
    return "; ".join(parts)


def is_that(given: str | None, key: Secret, state: str) -> bool:
    """Whether a cookie is that of the browser that began."""
    return given is not None and hmac.compare_digest(
        given.encode("utf-8", "replace"), derived(key, "browser", state).encode()
    )
