"""Where people may be sent to after they signed in: the site, and what the settings add to it.

A pattern is compared with the address as browsers read it: its scheme, host, port and path apart. `*` stands for any
part of a name between `.` and `/`, `**` for anything.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

_LONGEST = 2048
_PLAIN = re.compile(r"[!#-;=?-\[\]_a-z~]+", re.IGNORECASE)
"""Characters of a URL (RFC 3986); neither spaces nor a backslash, which browsers read as a slash."""
_NEVER = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "view-source", "filesystem"})


def allowed_redirect(asked: str | None, site: str, more: tuple[str, ...]) -> str:
    """The address that was asked for, where people may be sent to it; else the site."""
    if asked and is_allowed(asked, site, more):
        return asked
    return site


def is_allowed(asked: str, site: str, more: tuple[str, ...]) -> bool:
    """Whether people may be sent there."""
    if len(asked) > _LONGEST or not _PLAIN.fullmatch(asked):
        return False
    try:
        url = urlsplit(asked)
        port = url.port
    except ValueError:
        return False
    if not url.scheme or url.scheme.lower() in _NEVER or "@" in url.netloc:
        return False
    if url.scheme in ("http", "https") and not url.hostname:
        return False
    own = urlsplit(site)
    if (url.scheme, url.hostname, port) == (own.scheme, own.hostname, own.port) and own.hostname is not None:
        return True
    bare = asked.partition("#")[0]
    return any(_pattern(each).fullmatch(bare) for each in (site, *more))


@lru_cache(256)
def _pattern(text: str) -> re.Pattern[str]:
    """A pattern; without a path it takes the address alone, with or without a slash, and any query."""
    parts = re.split(r"(\*\*|\*|\?)", text)
    wild = {"**": ".*", "*": r"[^./?#:@]*", "?": r"[^./?#:@]"}
    written = "".join(wild.get(part, re.escape(part)) for part in parts)
    return re.compile(written + r"/?(\?.*)?" if "?" not in text else written, re.DOTALL)
