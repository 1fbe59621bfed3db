"""Cookies of people who come by a browser: their names, how they are set, and the port that renews them (RFC 6265bis).

Only pages look at them. The API and functions know of no cookies: what a browser sends by itself moves nothing there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from undercroft.web.received import WebRequest
from undercroft.web.types import Header, Request

ACCESS = "undercroft-access-token"
REFRESH = "undercroft-refresh-token"
VISITOR = "undercroft-visitor"
LONGEST = 400 * 86_400
"""Seconds for which browsers keep a cookie at most (RFC 6265bis, 5.5)."""


class Cookies(NamedTuple):
    """How cookies are set: over https under names that no neighbouring host can set (RFC 6265bis, 4.1.3.2)."""

    secure: bool

    def name(self, name: str) -> str:
        """The name of a cookie as browsers know it."""
        return f"__Host-{name}" if self.secure else name

    def read(self, request: Request) -> Mapping[str, str]:
        """What a browser sent."""
        return WebRequest(request, "").cookies

    def of(self, request: Request, name: str) -> str | None:
        """One of them, by its short name; None where it was not sent, or is empty."""
        return self.read(request).get(self.name(name)) or None

    def set(self, name: str, value: str, seconds: int | None = None) -> Header:
        """Set one, out of reach of scripts: for so long, or until the browser is closed."""
        kept = "" if seconds is None else f"; Max-Age={seconds}"
        end = "; Secure" if self.secure else ""
        return b"set-cookie", f"{self.name(name)}={value}; Path=/{kept}; HttpOnly; SameSite=Lax{end}".encode()

    def taken(self, name: str) -> Header:
        """Take one away."""
        return self.set(name, "", 0)


class Renewed(NamedTuple):
    """What came of cookies whose access token is good no more: another token, or none, and the cookies to set."""

    access: str | None
    headers: tuple[Header, ...]


Renew = Callable[[Request], Awaitable["Renewed | None"]]
"""The port that `auth` implements; wired in `app`. None where a browser has nothing to renew by. Raises a `Fault` where
that cannot be found out now: the cookies are as good as before.
"""
