"""Who is asking, as the web sees it: which header carries the credential, and the port that turns it into an actor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from undercroft.access.actor import Actor

Header = bytes | str | None
"""A header's value as the server gave it, or None when the request has no such header."""


class Identify(Protocol):
    """The port that `auth` implements; wired in `app`."""

    def __call__(self, authorization: Header, apikey: Header) -> Actor:
        """The actor that these two headers stand for.

        Raises a `Fault` whose code is PGRST300 (the server has no key), PGRST301 (not a token that we believe),
        PGRST302 (no credential, and none means no entry), PGRST303 (a token whose claims do not hold now) or 22023
        (a good token for a role that the app does not know).
        """
        ...


def bearer(authorization: Header) -> bytes | None:
    """The token of `Authorization: Bearer …`, in any case (RFC 9110, 11.1); None when that is not the scheme.

    A bearer header without a token gives b"": servers cut the space at the end of `Bearer `.
    """
    if authorization is None:
        return None
    scheme, _, token = _raw(authorization).strip().partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else None


def credential(authorization: Header, apikey: Header) -> bytes | None:
    """The one token that counts: a bearer token, else the `apikey`, as supabase-js sends them; None for neither."""
    token = bearer(authorization)
    if token is None and apikey is not None:
        token = _raw(apikey).strip() or None
    return token


def _raw(value: bytes | str) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
