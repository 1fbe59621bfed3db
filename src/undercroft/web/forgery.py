"""Whether a form was sent from a page of this server: its token, and where the browser says that it comes from.

A token is signed for one visitor (a random cookie) and for whoever was signed in when the form was shown, and holds for
a time: a signed double-submit token (OWASP, "Cross-Site Request Forgery Prevention"). Every token is another one, so
that its bytes tell nothing through compression. Beside it, `Sec-Fetch-Site` (Fetch Metadata) and `Origin` (RFC 6454)
must not speak of another place.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from hmac import compare_digest, digest
from secrets import token_bytes, token_urlsafe

from undercroft.access.actor import Actor
from undercroft.base.faults import Fault

FIELD = "_csrf"
HEADER = "x-csrf-token"
_VISITOR = re.compile(r"[A-Za-z0-9_-]{32}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{64}")
_NONCE, _MOMENT = 11, 5
"""Bytes of the first parts of a token; the rest is its signature. Together they need no padding."""


class ForgedFault(Fault):
    """A form that cannot be shown to come from a page of this server."""

    default_code = "UC403"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"This form was not accepted: {why}",
            hint="Open the page again, and send the form from there.",
        )


class Stamps:
    """Makes tokens, and knows its own again."""

    def __init__(self, secret: bytes, seconds: float) -> None:
        """`secret` is the installation's; `seconds` is for how long a token holds."""
        self._key = digest(secret, b"undercroft pages: forms", sha256)
        self._seconds = seconds

    def token(self, visitor: str, actor: Actor, now: float) -> str:
        """A token for a form that is shown now."""
        head = token_bytes(_NONCE) + int(now).to_bytes(_MOMENT)
        return urlsafe_b64encode(head + self._mac(head, visitor, actor)).decode()

    def check(self, token: str | None, visitor: str | None, actor: Actor, now: float) -> None:
        """Raises `ForgedFault` for a token that was not made here, for this visitor and caller, lately."""
        if not token:
            raise ForgedFault("it has no token")
        if visitor is None:
            raise ForgedFault("the browser sent no cookie")
        raw = urlsafe_b64decode(token) if _TOKEN.fullmatch(token) else b""
        head, mac = raw[: _NONCE + _MOMENT], raw[_NONCE + _MOMENT :]
        if not compare_digest(mac, self._mac(head, visitor, actor)):
            raise ForgedFault("its token is not good for you")
        if not -60 <= now - int.from_bytes(head[_NONCE:]) <= self._seconds:
            raise ForgedFault("it was shown too long ago")

    def _mac(self, head: bytes, visitor: str, actor: Actor) -> bytes:
        who = "\0".join((visitor, actor.role, actor.uid or ""))
        return digest(self._key, head + who.encode("utf-8", "surrogatepass"), sha256)


def new_visitor() -> str:
    """The value of a new visitor's cookie."""
    return token_urlsafe(24)


def known_visitor(cookie: str | None) -> str | None:
    """The value of a visitor's cookie, where it can be one of ours."""
    return cookie if cookie is not None and _VISITOR.fullmatch(cookie) else None


def check_origin(site: str | None, origin: str | None, host: str | None, own: str | None) -> None:
    """Raises `ForgedFault` where the browser says that another origin sent the form.

    `site` is Sec-Fetch-Site, `own` the origin of the settings; without one, what the browser itself asked for (`host`)
    is compared. A caller that is no browser says neither, and then the token alone decides.
    """
    if site is not None and site not in ("same-origin", "none"):
        raise ForgedFault("it was sent from another site")
    if origin is None:
        return
    same = origin == own if own is not None else origin.partition("://")[2].lower() == (host or "").lower()
    if not same or origin == "null":
        raise ForgedFault("it was sent from another origin")
