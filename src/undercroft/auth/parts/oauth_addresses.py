"""Addresses that apps register: where codes are sent to, and what people see of an app.

Of a redirect address nothing is compared but the whole text (OAuth 2.1, 2.3.1): neither patterns nor prefixes.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from undercroft.auth.parts.redirects import is_sound

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def redirect_problem(uri: str, *, is_public: bool) -> str | None:
    """Why codes are not sent there; None where they may be.

    `https`; `http` on this very machine (RFC 8252, 7.3); and the schemes of one's own apps (RFC 8252, 7.1), which
    cannot keep a secret.
    """
    if not is_sound(uri) or "*" in uri:
        return "is not an address that everybody reads in one way"
    if "#" in uri:
        return "has a fragment"
    if "," in uri:
        return "has a comma"
    url = urlsplit(uri)
    if url.scheme == "https":
        return None
    if url.scheme == "http":
        return None if url.hostname in _LOOPBACK else "has to be https, but on localhost"
    return None if is_public else "has a scheme of its own, which only a public client can have"


def is_page(uri: str) -> bool:
    """Whether people may be shown it, as the app's page or picture."""
    return is_sound(uri) and urlsplit(uri).scheme == "https"


def is_resource(uri: str) -> bool:
    """Whether it names a place that a token may be for: absolute, without a fragment (RFC 8707, 2)."""
    return "#" not in uri and is_sound(uri) and urlsplit(uri).scheme in ("http", "https")


def is_held(uri: str) -> bool:
    """Whether nobody but the app itself receives what is sent there: not so on loopback and by schemes of one's own,
    which any program on the machine can take (RFC 8252, 8.6).
    """
    return urlsplit(uri).scheme == "https"
