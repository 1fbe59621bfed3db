"""Where people may be sent to after they signed in: the site, and what the settings add to it.

An address is read as browsers read it (https://url.spec.whatwg.org): what two readers could take for different places
is refused. A pattern's scheme is compared as it stands, its host and its path apart, so that no wildcard of the one
reaches into the other: `*` stands for any part of a name between `.` and `/`, `**` for anything, `?` for one letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, urlencode, urlsplit

_LONGEST = 2048
_PLAIN = re.compile(r"[!#-;=?-\[\]_a-z~]+", re.IGNORECASE | re.ASCII)
"""Characters of a URL (RFC 3986); neither spaces nor a backslash, which browsers read as a slash."""
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.ASCII)
_AUTHORITY = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])?(?::[0-9]{1,5})?", re.ASCII)
"""Without a name before the host, and nothing percent-encoded, which browsers decode in a host."""
_DOTS = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
"""Parts of a path that browsers resolve."""
_NEVER = frozenset({
    "javascript", "data", "vbscript", "file", "blob", "about", "view-source", "filesystem", "jar", "ws", "wss", "ftp",
    "chrome", "resource", "livescript", "mocha", "mhtml", "intent",
})  # fmt: skip
_WEB = ("http", "https")


def allowed_redirect(asked: str | None, site: str, more: tuple[str, ...]) -> str:
    """The address that was asked for, where people may be sent to it; else the site."""
    if asked and is_allowed(asked, site, more):
        return asked
    return site


def is_allowed(asked: str, site: str, more: tuple[str, ...]) -> bool:
    """Whether people may be sent there."""
    url = _read(asked)
    if url is None:
        return False
    own = urlsplit(site)
    if own.hostname is not None and (url.scheme, url.netloc.lower()) == (own.scheme, own.netloc.lower()):
        return True
    return any(_pattern(each).takes(url) for each in (site, *more))


def is_own_path(asked: str) -> bool:
    """Whether this is a path of whoever serves the page, as everybody reads it."""
    return asked.startswith("/") and not asked.startswith("//") and _read(f"https://here.invalid{asked}") is not None


def is_sound(asked: str) -> bool:
    """Whether everybody reads an address in one way, and browsers do nothing else with it than go there."""
    return _read(asked) is not None


def _read(asked: str) -> SplitResult | None:
    """An address that everybody reads in one way; None for any other."""
    if len(asked) > _LONGEST or not _PLAIN.fullmatch(asked) or ":" not in asked:
        return None
    try:
        url = urlsplit(asked)
        hostname = url.hostname
        url.port  # noqa: B018  # looked at for what it raises
    except ValueError:
        return None
    if not _SCHEME.fullmatch(url.scheme) or url.scheme in _NEVER or not _AUTHORITY.fullmatch(url.netloc.lower()):
        return None
    if url.scheme in _WEB and (not hostname or not asked.lower().startswith(f"{url.scheme}://")):
        return None  # browsers read https:evil.example and https:///evil.example as https://evil.example
    if _DOTS.search(url.path):
        return None
    return None if not url.netloc and url.path.startswith("//") else url


class _Pattern(NamedTuple):
    scheme: str
    authority: re.Pattern[str] | None
    rest: re.Pattern[str]

    def takes(self, url: SplitResult) -> bool:
        """Whether an address is as this says. Its fragment is not looked at: it is not sent anywhere."""
        rest = url.path + (f"?{url.query}" if url.query else "")
        if url.scheme != self.scheme or bool(url.netloc) != (self.authority is not None):
            return False
        if self.authority is not None and not self.authority.fullmatch(url.netloc.lower()):
            return False
        return self.rest.fullmatch(rest) is not None


@lru_cache(256)
def _pattern(text: str) -> _Pattern:
    """A pattern; without a path it takes the address alone, with or without a slash, and any query."""
    scheme, _, rest = text.strip().partition(":")
    authority = None
    if rest.startswith("//"):
        authority, slash, rest = rest[2:].partition("/")
        rest = slash + rest
    written = _written(rest, {"**": ".*", "*": r"[^./?#]*", "?": r"[^./]"})
    if "?" not in rest:
        written += r"/?(\?.*)?"
    host = None if not authority else re.compile(
        _written(authority.lower(), {"**": "[a-z0-9._-]*", "*": "[a-z0-9_-]*", "?": "[a-z0-9_-]"}), re.ASCII
    )  # fmt: skip
    return _Pattern(scheme.lower(), host, re.compile(written))


def _written(text: str, wild: Mapping[str, str]) -> str:
    parts = re.split(r"(\*\*|\*|\?)", text)
    return "".join(wild[part] if place % 2 else re.escape(part) for place, part in enumerate(parts))


# --- what goes along ---


def with_query(address: str, said: Mapping[str, object]) -> str:
    """An address with more in its query; a fragment that it had is left out."""
    bare = address.partition("#")[0]
    return f"{bare}{'&' if '?' in bare else '?'}{urlencode(said)}"


def with_fragment(address: str, said: Mapping[str, object]) -> str:
    """An address with this for its fragment, which browsers send to nobody."""
    return f"{address.partition('#')[0]}#{urlencode(said)}"
