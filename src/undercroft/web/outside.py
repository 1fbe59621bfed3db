"""Everything beside the API's rooms: health, readiness, documentation pages, and applications that the app mounts."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router

from undercroft.web.docs import Docs
from undercroft.web.types import ASGIApp, Receive, Scope, Send


class Outside:
    """A Starlette router; it is not on the path of API requests."""

    def __init__(self, mounts: Sequence[tuple[str, ASGIApp]], *, title: str, docs: Docs | None = None) -> None:
        """`docs` is the page that describes the API; without it there is none."""
        self.ready = False
        self.title = title
        routes: list[BaseRoute] = [
            Route("/healthz", self._health),
            Route("/readyz", self._readiness),
            *(docs.routes() if docs is not None else ()),
            *(Mount(path, application) for path, application in mounts),
        ]
        # Starlette would redirect by the Host header, which anybody may write.
        self._router = Router(routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._router(scope, receive, send)

    async def _health(self, request: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("ok\n")

    async def _readiness(self, request: Request) -> Response:
        """It may be sent requests."""
        return JSONResponse({"ready": self.ready}, status_code=200 if self.ready else 503)
