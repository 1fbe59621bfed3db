"""The page at `/docs`: Swagger UI, served from here and never from elsewhere, on the API's own description.

The page holds no script of its own and may load and reach nothing but this server, and the address that the settings
give it (Content-Security-Policy, level 3).
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui/swagger-ui.css">
<link rel="stylesheet" href="docs/docs.css">
</head>
<body>
<form id="key" hidden>
<p>This server describes itself to those who have a key.</p>
<input name="apikey" type="password" autocomplete="off" aria-label="apikey" required> <button>Show</button>
</form>
<div id="docs"></div>
<script src="docs/swagger-ui/swagger-ui-bundle.js"></script>
<script src="docs/docs.js"></script>
</body>
</html>
"""


class Docs:
    """The page and its files."""

    def __init__(self, title: str, external_url: str | None = None) -> None:
        """`external_url` is where callers find the server, when that is elsewhere than where the page was loaded."""
        self._page = _PAGE.format(title=escape(title))
        self._headers = {
            "content-security-policy": _policy(external_url),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-cache",
        }

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/docs", self._show),
            Route("/docs/", self._without_slash),
            Mount("/docs", _Files(directory=STATIC)),
        ]

    async def _show(self, request: Request) -> Response:
        return HTMLResponse(self._page, headers=self._headers)

    async def _without_slash(self, request: Request) -> Response:
        """The page's links are relative, so that it may be mounted anywhere."""
        return RedirectResponse("../docs")


class _Files(StaticFiles):
    """Files that are what their names say."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["x-content-type-options"] = "nosniff"
        response.headers["cache-control"] = "no-cache"
        return response


def _policy(external_url: str | None) -> str:
    reached = ["'self'"]
    if external_url:
        url = urlsplit(external_url)
        reached.append(f"{url.scheme}://{url.netloc}")
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": " ".join(reached),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
