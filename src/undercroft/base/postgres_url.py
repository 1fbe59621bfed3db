"""The URL of a PostgreSQL database, cut where libpq cuts it: what is a password in it is never shown.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
"""

from __future__ import annotations

import re
from typing import NamedTuple

from undercroft.base.faults import SetupFault

SCHEMES = ("postgresql://", "postgres://")
_SECRET = ("password", "sslpassword", "oauth_client_secret")
_UNREADABLE = re.compile(r"%(?![0-9A-Fa-f]{2})|%00|\s")


class _Parts(NamedTuple):
    user: str
    at: str
    place: str
    path: str
    query: str


def check_url(url: str) -> None:
    """Raises `SetupFault` for a URL of which libpq would take, and tell, a part of the password for something else."""
    parts = _cut(url)
    astray = "@" in parts.place or (not parts.at and "@" in parts.path)
    torn = any(each.count("=") != 1 for each in parts.query.split("&") if each)
    if not url.startswith(SCHEMES) or astray or torn or _UNREADABLE.search(url):
        raise SetupFault(
            "the URL of the PostgreSQL database cannot be read",
            hint="postgresql://user:password@host:5432/name. In a password, % is written as %25, @ as %40, / as %2F, "
            "& as %26, = as %3D, a space as %20.",
        )


def shown(url: str) -> str:
    """The URL as it may be shown and noted: without a password."""
    parts = _cut(url)
    user = parts.user.partition(":")[0]
    kept = [each for each in parts.query.split("&") if each and each.partition("=")[0] not in _SECRET]
    found = f"postgresql://{user}{parts.at if user else ''}{parts.place}{parts.path}"
    return f"{found}?{'&'.join(kept)}" if kept else found


def _cut(url: str) -> _Parts:
    """A user ends at the first @ before the first slash, whatever else stands in between."""
    rest = url.partition("://")[2]
    authority, slash, after = rest.partition("/")
    user, at, place = authority.partition("@")
    if not at:
        user, place = "", authority
    place, question, query = place.partition("?")
    if question:
        return _Parts(user, at, place, "", query + slash + after)
    path, _, query = after.partition("?")
    return _Parts(user, at, place, slash + path, query)
