"""Everything beside the API's rooms: health, readiness, documentation pages, and applications that the app mounts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router

from undercroft.base.faults import Fault
from undercroft.web.docs import Docs
from undercroft.web.mounted import Mounted
from undercroft.web.types import ASGIApp, Receive, Scope, Send


class Outside:
    """A Starlette router; it is not on the path of API requests."""

    def __init__(
        self,
        mounts: Sequence[tuple[str, ASGIApp]],
        *,
        title: str,
        docs: Docs | None = None,
        check: Callable[[], Awaitable[object]] | None = None,
        otherwise: ASGIApp | None = None,
        more: Sequence[BaseRoute] = (),
    ) -> None:
        """`docs` is the page that describes the API; without it there is none. `check` asks the database something
        and raises a `Fault` where it does not answer. `otherwise` serves every other path; without it, none is there.
        `more` are routes of rooms.
        """
        self.ready = False
        """Whether requests may be sent here: from the end of the start to the beginning of the end."""
        self.mounted = tuple(Mounted(path, application) for path, application in mounts)
        self._check = check
        self.title = title
        routes: list[BaseRoute] = [
            Route("/healthz", self._health),
            Route("/readyz", self._readiness),
            *(docs.routes() if docs is not None else ()),
            *more,
            *(Mount(each.path, each) for each in self.mounted),
        ]
        # Starlette would redirect by the Host header, which anybody may write.
        self.paths = frozenset(str(getattr(route, "path", "")) for route in routes)
        """Every path beside the rooms of the API and what `otherwise` serves: there are no others."""
        self._router = ExceptionMiddleware(Router(routes, redirect_slashes=False, default=otherwise))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._router(scope, receive, send)

    async def _health(self, request: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("ok\n")

    async def _readiness(self, request: Request) -> Response:
        """It may be sent requests, and its database answers."""
        ready = await self.is_ready()
        return JSONResponse({"ready": ready}, status_code=200 if ready else 503, headers={"cache-control": "no-store"})

    async def is_ready(self) -> bool:
        """Whether requests may be sent here, and the database answers."""
        return self.ready and await self._answers()

    async def _answers(self) -> bool:
        try:
            if self._check is not None:
                await self._check()
        except Fault:
            return False
        return True
