"""Cross-origin headers (the Fetch standard, "HTTP CORS protocol") with the values that PostgREST gives."""

from __future__ import annotations

import re

Headers = tuple[tuple[bytes, bytes], ...]

_METHODS = b"GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD"
_EXPOSED = b", ".join((
    b"Content-Encoding", b"Content-Location", b"Content-Range", b"Content-Type", b"Date", b"Location", b"Server",
    b"Transfer-Encoding", b"Range-Unit",
))  # fmt: skip
_MOST_NAMES = 64
_NAME = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")


def cors(origin: bytes | None, origins: frozenset[bytes] = frozenset()) -> Headers:
    """The headers of an ordinary answer. `origins` are those allowed; without any, every origin is."""
    allowed = _allowed(origin, origins)
    return (*allowed, (b"access-control-expose-headers", _EXPOSED)) if origin is not None and allowed else allowed


def preflight(origin: bytes | None, asked: bytes | None, origins: frozenset[bytes] = frozenset()) -> Headers:
    """The headers of the answer to a preflight; `asked` is Access-Control-Request-Headers."""
    allowed = _allowed(origin, origins)
    if not allowed:
        return allowed
    names = [name.strip() for name in (asked or b"").split(b",")[:_MOST_NAMES]]
    wanted = [name for name in names if _NAME.fullmatch(name) and name.lower() != b"authorization"]
    known = [b"Accept", b"Accept-Language", b"Content-Language"]
    lower = {name.lower() for name in wanted}
    listed = [b"Authorization", *wanted, *(name for name in known if name.lower() not in lower)]
    return (
        *allowed,
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", b", ".join(listed)),
        (b"access-control-max-age", b"86400"),
    )


def _allowed(origin: bytes | None, origins: frozenset[bytes]) -> Headers:
    if not origins:
        return ((b"access-control-allow-origin", b"*"),)
    if origin is None or origin not in origins:
        return ()
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
    )
