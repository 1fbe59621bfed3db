"""GraphiQL, the page at `/graphql/v1`: served from here and never from elsewhere, and it may reach nothing but this
server (Content-Security-Policy, level 3).
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path

from undercroft.web.types import Answer, Header, Request

STATIC = Path(__file__).parents[2] / "static"
_FILES = {
    b"/graphiql/graphiql.js": "text/javascript; charset=utf-8",
    b"/graphiql/graphiql.css": "text/css; charset=utf-8",
}
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
    (b"vary", b"accept"),
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{base}graphiql/graphiql.css">
</head>
<body>
<div id="graphiql"></div>
<script src="{base}graphiql/graphiql.js"></script>
</body>
</html>
"""


class GraphiQL:
    """The page and its files."""

    def __init__(self, title: str) -> None:
        self._title = escape(title)

    def has(self, path: bytes) -> bool:
        """Whether one of its files has this path."""
        return path in _FILES

    def answer(self, request: Request) -> Answer:
        """The page, or the file that the path names; 304 for who has it already."""
        if request.path in _FILES:
            body, mark = _read(request.path)
            headers = (*_HEADERS, (b"content-type", _FILES[request.path].encode()), (b"etag", mark))
            known = request.header(b"if-none-match") == mark
            return Answer(304, headers) if known else Answer(200, headers, body)
        # Links are relative, so that the app may be mounted anywhere.
        base = "" if request.path else "v1/"
        policy = "; ".join(f"{name} {value}" for name, value in _POLICY.items())
        headers = (*_HEADERS, (b"content-type", b"text/html; charset=utf-8"))
        page = _PAGE.format(title=self._title, base=base)
        return Answer(200, (*headers, (b"content-security-policy", policy.encode())), page.encode())


@cache
def _read(path: bytes) -> tuple[bytes, bytes]:
    """A file, and its mark."""
    body = (STATIC / path.decode().removeprefix("/")).read_bytes()
    return body, b'"%s"' % sha256(body).hexdigest()[:32].encode()
